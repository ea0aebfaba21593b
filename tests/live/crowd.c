// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-crowd LIBRARY FILE READERS BUSY
 *
 * Opens LIBRARY while READERS threads open, read and close FILE all the time and BUSY
 * ones compute. Prints and exits as early.c does; with 3 when a reader saw an error.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 64 };

static atomic_bool is_over;
static atomic_int n_reads, n_errors;

static void *read_on(void *path)
{
	while (!is_over) {
		char bytes[64];
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, bytes, sizeof(bytes)) != sizeof(bytes))
			n_errors++;
		if (fd >= 0)
			close(fd);
		n_reads++;
	}
	return NULL;
}

static void *compute(void *ignored)
{
	while (!is_over)
		;
	return ignored;
}

int main(int argc, char **argv)
{
	int n_readers = argc == 5 ? atoi(argv[3]) : 0,
	    n = n_readers + (argc == 5 ? atoi(argv[4]) : 0);
	pthread_t threads[MAX_THREADS];

	if (argc != 5 || n > MAX_THREADS)
		return 2;
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, i < n_readers ? read_on : compute, argv[2]))
			return 2;
	while (n_readers && n_reads < 2 * n_readers)
		usleep(100);
	void *library = dlopen(argv[1], RTLD_NOW);
	int (*seen)(void) = library ? (int (*)(void))dlsym(library, "library_seen") : NULL;
	int (*call)(int) = library ? (int (*)(int))dlsym(library, "answer") : NULL;
	if (!seen || !call) {
		printf("%s\n", dlerror());
		return 2;
	}
	int after = call(6);
	is_over = 1;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%d %d\n", seen(), after);
	if (n_errors)
		return 3;
	return seen() != 43 || after != 43;
}
