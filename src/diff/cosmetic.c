// SPDX-License-Identifier: Apache-2.0

/**
 * What only looks like a change: versions, build-ids and source lines in texts.
 */

#include <ctype.h>

#include "code/place.h"
#include "code/program.h"
#include "diff/explain.h"

static bool is_version_char(char c)
{
	return isalnum((unsigned char)c) || strchr(".+~:-_/", c);
}

static size_t common_prefix(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

// The word around position `at` of `text`, in characters of versions.
static struct sut_view word_at(const char *text, size_t at)
{
	size_t start = at, end = at;

	while (start > 0 && is_version_char(text[start - 1]))
		start--;
	while (text[end] && is_version_char(text[end]))
		end++;
	while (end > at && strchr(":.-", text[end - 1]))
		end--; // Punctuation behind it.
	return (struct sut_view){ (const uint8_t *)text + start, end - start };
}

static bool is_hex_word(struct sut_view word)
{
	for (size_t i = 0; i < word.size; i++)
		if (!isxdigit(word.data[i]))
			return false;
	return word.size >= 16;
}

static bool has_digit(struct sut_view word)
{
	for (size_t i = 0; i < word.size; i++)
		if (isdigit(word.data[i]))
			return true;
	return false;
}

// 2026/11/22, 2026-11-22, 12:34:56
static bool is_date(struct sut_view word)
{
	size_t n_marks = 0;

	for (size_t i = 0; i < word.size; i++) {
		if (strchr("/:-", word.data[i]))
			n_marks++;
		else if (!isdigit(word.data[i]))
			return false;
	}
	return word.size >= 8 && n_marks == 2;
}

// 127.0.0.1
static bool is_dotted(struct sut_view word)
{
	size_t n_points = 0;

	for (size_t i = 0; i < word.size; i++) {
		n_points += word.data[i] == '.';
		if (word.data[i] != '.' && !isdigit(word.data[i]))
			return false;
	}
	return n_points == 3;
}

// 1.2.3-4+deb12u5 and …u6: a digit, a point and a revision before the difference.
static bool are_versions(struct sut_view a, struct sut_view b)
{
	size_t common = 0, n_marks = 0;

	while (common < a.size && common < b.size && a.data[common] == b.data[common]) {
		n_marks += strchr(".-+~", a.data[common]) != NULL;
		common++;
	}
	struct sut_view head = { a.data, common };
	// An address of the Internet is none.
	if (is_dotted(a) && is_dotted(b))
		return false;
	return common >= 5 && n_marks >= 2 && has_digit(head) && has_digit(a) && has_digit(b);
}

static bool are_source_lines(struct sut_view a, struct sut_view b)
{
	const uint8_t *colon = memrchr(a.data, ':', a.size);
	size_t n = colon ? colon - a.data : 0;

	if (n < 3 || b.size <= n || memcmp(a.data, b.data, n + 1) != 0)
		return false;
	if (memcmp(colon - 2, ".c", 2) != 0 && memcmp(colon - 2, ".h", 2) != 0)
		return false;
	for (size_t i = n + 1; i < a.size; i++)
		if (!isdigit(a.data[i]))
			return false;
	for (size_t i = n + 1; i < b.size; i++)
		if (!isdigit(b.data[i]))
			return false;
	return a.size > n + 1 && b.size > n + 1;
}

bool sut_text_is_cosmetic(const char *old, const char *new)
{
	// Word by word: each one that differs must be of such a kind.
	for (;;) {
		size_t at = common_prefix(old, new);
		if (!old[at] && !new[at])
			return true;
		struct sut_view a = word_at(old, at), b = word_at(new, at);
		if (!(is_hex_word(a) && is_hex_word(b) && a.size == b.size) &&
		    !(is_date(a) && is_date(b)) && !are_versions(a, b) && !are_source_lines(a, b))
			return false;
		old = (const char *)a.data + a.size;
		new = (const char *)b.data + b.size;
	}
}

static bool is_allocator_name(const char *name)
{
	static const char *const names[] = {
		"malloc",
		"calloc",
		"realloc",
		"reallocarray",
		"aligned_alloc",
		"posix_memalign",
		"memalign",
		"valloc",
		"_Znwm",
		"_Znam",
		"_ZnwmRKSt9nothrow_t",
		"_ZnamRKSt9nothrow_t",
		"mmap",
		"alloca",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool is_allocator(const struct sut_program *p, uint64_t vaddr, int depth)
{
	/** Instructions that a function around an allocator has at most. */
	static const size_t max_insns = 120;
	struct sut_place place;

	sut_place_find(p, vaddr, &place);
	const struct sut_symbol *symbol = sut_place_symbol(p, place.reloc);
	if (place.kind == SUT_PLACE_IMPORT)
		return symbol && is_allocator_name(symbol->name);
	if (place.kind != SUT_PLACE_FUNCTION)
		return false;
	if (place.frag->name && is_allocator_name(place.frag->name))
		return true;
	if (depth == 0 || place.frag->n_insns > max_insns)
		return false;
	for (size_t i = 0; i < place.frag->n_refs; i++) {
		const struct sut_ref *ref = &p->refs[place.frag->first_ref + i];
		if ((ref->kind == SUT_REF_CALL || ref->kind == SUT_REF_JUMP) &&
		    is_allocator(p, ref->target, depth - 1))
			return true;
	}
	return false;
}

bool sut_is_allocator(const struct sut_program *program, uint64_t vaddr)
{
	return is_allocator(program, vaddr, 2);
}
