// SPDX-License-Identifier: Apache-2.0
#include "agent/rest.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

/** For so long nothing has happened, ms. */
enum { QUIET = 1000 };

enum { PAGE = 4096, BATCH = 256 };

// Bits of an entry of pagemap (Documentation/admin-guide/mm/pagemap.rst).
static const uint64_t is_file_page = UINT64_C(1) << 61, is_present = UINT64_C(1) << 63;

void sut_rest_open(struct sut_rest *rest)
{
	*rest = (struct sut_rest){ .maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC),
				   .pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
				   .is_due = true };
}

// "START-END r-xp OFFSET DEV INODE NAME" (proc(5)). A payload's code is the only executable
// memory of no file that has no name: nothing of ours makes code.
static bool is_payload(const char *line, size_t size)
{
	unsigned field = 0;
	size_t at[6] = { 0 };

	for (size_t i = 1; i < size && field < 5; i++)
		if (line[i - 1] == ' ' && line[i] != ' ')
			at[++field] = i;
	bool has_name = field == 5 && line[at[5] + 1] == 'v'; // [vdso], [vsyscall]
	return field >= 4 && line[at[1] + 2] == 'x' && line[at[4]] == '0' && !has_name;
}

// Maps that cannot be read may hold one. Plain, so that little code comes back for it.
static bool may_have_payload(int maps)
{
	char text[4096];
	size_t n_kept = 0;
	off_t off = 0;
	ssize_t n;

	while ((n = pread(maps, text + n_kept, sizeof(text) - n_kept, off)) > 0) {
		size_t begin = 0, size = n_kept + n;
		off += n;
		for (size_t i = 0; i < size; i++) {
			if (text[i] != '\n')
				continue;
			if (is_payload(text + begin, i - begin))
				return true;
			begin = i + 1;
		}
		n_kept = size - begin;
		for (size_t i = 0; i < n_kept; i++)
			text[i] = text[begin + i];
	}
	return n < 0 || off == 0 || n_kept;
}

// Runs of pages that are a file's, as they are in it.
static void drop_pages(int pagemap, uintptr_t start, uintptr_t end)
{
	uint64_t entries[BATCH];

	for (uintptr_t at = start; at < end; at += BATCH * PAGE) {
		size_t n = (end - at) / PAGE < BATCH ? (end - at) / PAGE : BATCH, first = 0;
		if (pread(pagemap, entries, n * sizeof(*entries), at / PAGE * sizeof(*entries)) !=
		    (ssize_t)(n * sizeof(*entries)))
			return;
		for (size_t i = 0; i <= n; i++) {
			bool is_clean =
				i < n && entries[i] & is_present && entries[i] & is_file_page;
			if (is_clean)
				continue;
			// What fails (memory that is locked) stays.
			if (i > first)
				madvise((void *)(at + first * PAGE), (i - first) * PAGE,
					MADV_DONTNEED);
			first = i + 1;
		}
	}
}

static int drop_object(struct dl_phdr_info *info, size_t size, void *context)
{
	const struct sut_rest *rest = context;
	bool is_kernels = info->dlpi_phdr && info->dlpi_addr == getauxval(AT_SYSINFO_EHDR);

	(void)size;
	for (int i = 0; i < info->dlpi_phnum && !is_kernels; i++) {
		const ElfW(Phdr) *one = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + one->p_vaddr;
		if (one->p_type == PT_LOAD && !(one->p_flags & PF_W))
			drop_pages(rest->pagemap, start & -PAGE,
				   (start + one->p_memsz + PAGE - 1) & -PAGE);
	}
	return 0;
}

bool sut_rest_now(struct sut_rest *rest)
{
	rest->is_due = false;
	malloc_trim(0);
	if (rest->maps < 0 || rest->pagemap < 0 || may_have_payload(rest->maps))
		return false;
	dl_iterate_phdr(drop_object, rest);
	return may_have_payload(rest->maps);
}

int sut_rest_timeout(const struct sut_rest *rest, int timeout)
{
	return rest->is_due && (timeout < 0 || timeout > QUIET) ? QUIET : timeout;
}

bool sut_rest_waited(struct sut_rest *rest, int timeout, bool is_quiet)
{
	bool was_cut = sut_rest_timeout(rest, timeout) != timeout;

	if (is_quiet && was_cut)
		return sut_rest_now(rest);
	rest->is_due = true;
	return false;
}
