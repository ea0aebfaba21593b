// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-tight MODE
 *
 * A victim that has run out of something:
 *   near    everything within 2 GiB of it, and more, is reserved (PROT_NONE)
 *   hole    likewise, but for eight pages 1 GiB above it
 *   locked  mlockall(MCL_FUTURE), and not a byte more may be locked
 *   room    it may map so many bytes more as the second argument says (RLIMIT_AS)
 *   data    likewise for private writable memory (RLIMIT_DATA)
 * "a": answer(6); "q": quit.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

int answer(int x);
extern int bias;
int bias = 1;
__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}

static const uintptr_t gibi = 1 << 30, page = 4096;

// Reserve all that is free from start to end, in pieces that get ever smaller.
static void fill(uintptr_t start, uintptr_t end)
{
	for (uintptr_t size = gibi; size >= page; size /= 2)
		for (uintptr_t at = start; at + size <= end; at += size)
			mmap((void *)at, size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
			     0);
}

static long field_of_status(const char *name)
{
	char line[256];
	long value = -1;
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			value = atol(line + strlen(name));
	fclose(file);
	return value * 1024;
}

static void limit(int what, const char *used, long more)
{
	struct rlimit l = { field_of_status(used) + more, field_of_status(used) + more };

	if (setrlimit(what, &l) != 0)
		_exit(77);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	uintptr_t here = (uintptr_t)&answer & -gibi;
	static char in[64], out[64];

	// Nothing is allocated later.
	setvbuf(stdin, in, _IOFBF, sizeof(in));
	setvbuf(stdout, out, _IOFBF, sizeof(out));
	if (strcmp(mode, "near") == 0 || strcmp(mode, "hole") == 0) {
		uintptr_t low = here > 4 * gibi ? here - 4 * gibi : 65536;
		void *hole = (void *)(((uintptr_t)&answer & -page) + gibi);
		fill(low, here + 4 * gibi);
		if (strcmp(mode, "hole") == 0)
			munmap(hole, 8 * page);
	} else if (strcmp(mode, "locked") == 0) {
		mlockall(MCL_CURRENT | MCL_FUTURE);
		limit(RLIMIT_MEMLOCK, "VmLck:", 0);
	} else if (strcmp(mode, "room") == 0) {
		limit(RLIMIT_AS, "VmSize:", atol(argv[2]));
	} else if (strcmp(mode, "data") == 0) {
		limit(RLIMIT_DATA, "VmData:", atol(argv[2]));
	}
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		if (c == 'a')
			printf("%d\n", answer(6));
		fflush(stdout);
	}
	return 0;
}
