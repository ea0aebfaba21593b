// SPDX-License-Identifier: Apache-2.0
#include "process/borrow.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "process/maps.h"
#include "process/process.h"

/** A chunk of code is read with so many bytes of the next one, so that nothing
 *  hides on the border. */
enum { CHUNK_SIZE = 256 * 1024, OVERLAP = 16 };

static const uint8_t code_syscall[] = { 0x0f, 0x05 };
static const uint8_t code_syscall_ret[] = { 0x0f, 0x05, 0xc3 };
// mov $15,%rax; syscall: what glibc and musl both have as SA_RESTORER, and what
// debuggers know signal frames by.
static const uint8_t code_sigreturn[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 };

static bool find_code(const uint8_t *chunk, size_t size, const uint8_t *code, size_t code_size,
		      uint64_t at, struct sut_addr *ret)
{
	const uint8_t *hit = memmem(chunk, size, code, code_size);

	if (hit)
		ret->at = at + (hit - chunk);
	return hit;
}

static void search_chunk(const uint8_t *chunk, size_t size, uint64_t at, struct sut_gadgets *g)
{
	if (!g->has_ret && find_code(chunk, size, code_syscall_ret, sizeof(code_syscall_ret), at,
				     &g->syscall))
		g->has_ret = true;
	if (!g->syscall.at)
		find_code(chunk, size, code_syscall, sizeof(code_syscall), at, &g->syscall);
	if (!g->sigreturn.at)
		find_code(chunk, size, code_sigreturn, sizeof(code_sigreturn), at, &g->sigreturn);
}

static struct sut_err *search_mapping(struct sut_process *process, struct sut_span span,
				      uint8_t *buffer, struct sut_gadgets *g)
{
	for (uint64_t at = span.start; at < span.end; at += CHUNK_SIZE) {
		size_t size = span.end - at < CHUNK_SIZE + OVERLAP ? span.end - at :
								     CHUNK_SIZE + OVERLAP;
		struct sut_err *err =
			sut_process_peek(process, (struct sut_addr){ at }, buffer, size);
		if (err && err->code == SUT_E_GONE)
			return err;
		if (err) {
			// A file that was truncated under its mapping: look elsewhere.
			sut_err_free(err);
			return NULL;
		}
		search_chunk(buffer, size, at, g);
		if (g->has_ret && g->sigreturn.at)
			break;
	}
	return NULL;
}

struct sut_err *sut_gadgets_find(struct sut_process *process, const struct sut_maps *maps,
				 struct sut_gadgets *ret)
{
	struct sut_gadgets g = { 0 };
	_cleanup_free_ uint8_t *buffer = malloc(CHUNK_SIZE + OVERLAP);

	if (!buffer)
		return sut_err_nomem();
	struct sut_err *err = NULL;
	for (size_t i = 0; i < maps->n && !err && !(g.has_ret && g.sigreturn.at); i++) {
		const struct sut_mapping *m = &maps->items[i];
		bool is_code = m->inode || strcmp(m->path, "[vdso]") == 0;
		if (m->is_executable && m->is_readable && !m->is_shared && is_code)
			err = search_mapping(process, m->span, buffer, &g);
	}
	if (err)
		return err;
	if (!g.syscall.at)
		return sut_err(SUT_E_UNSUPPORTED, "the program has no syscall instruction");
	*ret = g;
	return NULL;
}
