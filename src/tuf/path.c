// SPDX-License-Identifier: Apache-2.0
#include "tuf/metadata.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tuf/digest.h"

/** The first byte behind the character at @p text (UTF-8). */
static const char *next_character(const char *text)
{
	text++;
	while ((*text & 0xc0) == 0x80)
		text++;
	return text;
}

/** The `]` that ends the set which begins at @p set, behind its `[`; NULL if none does. A `]` that
 *  comes first is a member. */
static const char *end_of_set(const char *set)
{
	if (*set == '!')
		set++;
	return *set ? strchr(set + 1, ']') : NULL;
}

static bool set_has(const char *set, const char *end, char c)
{
	bool is_negated = *set == '!', has = false;

	for (set += is_negated; set < end; set++) {
		if (set + 2 < end && set[1] == '-') {
			has = has || ((unsigned char)c >= (unsigned char)set[0] &&
				      (unsigned char)c <= (unsigned char)set[2]);
			set += 2;
		} else {
			has = has || c == *set;
		}
	}
	return has != is_negated;
}

/** Match one character, and go behind it in both; false if it does not match. */
static bool step(const char **pattern, const char **path)
{
	const char *end = **pattern == '[' ? end_of_set(*pattern + 1) : NULL;

	if (!**path)
		return false;
	if (**pattern == '?' || end) {
		if (**path == '/' || (end && !set_has(*pattern + 1, end, **path)))
			return false;
		*pattern = end ? end + 1 : *pattern + 1;
		*path = next_character(*path);
		return true;
	}
	return *(*pattern)++ == *(*path)++;
}

bool sut_tuf_pattern_matches(const char *pattern, const char *path)
{
	// Where to go on when what follows the last star does not match: one byte later.
	// Going back to stars before it can win nothing, so this is at most quadratic.
	const char *star = NULL, *retry = NULL;

	while (*path || *pattern) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = path;
			continue;
		}
		if (*pattern && step(&pattern, &path))
			continue;
		if (!star || !*retry || *retry == '/')
			return false;
		pattern = star;
		path = ++retry;
	}
	return true;
}

static bool has_prefix(const struct sut_tuf_delegation *delegation, const char *path)
{
	struct sut_digests digests;
	struct sut_err *err =
		sut_digests_of((struct sut_view){ (const uint8_t *)path, strlen(path) }, &digests);

	if (err) {
		sut_err_free(err);
		return false;
	}
	for (size_t i = 0; i < json_array_size(delegation->prefixes); i++) {
		const char *prefix = json_string_value(json_array_get(delegation->prefixes, i));
		if (strncmp(digests.sha256, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

bool sut_tuf_delegation_covers(const struct sut_tuf_delegation *delegation, const char *path)
{
	if (delegation->prefixes)
		return has_prefix(delegation, path);
	for (size_t i = 0; i < json_array_size(delegation->paths); i++)
		if (sut_tuf_pattern_matches(json_string_value(json_array_get(delegation->paths, i)),
					    path))
			return true;
	return false;
}

struct sut_err *sut_tuf_file_name(const char *role, int64_t version, char **ret)
{
	_cleanup_free_ char *encoded = malloc(3 * strlen(role) + 1);
	char *to = encoded;
	int size;

	if (!encoded)
		return sut_err_nomem();
	for (; *role; role++) {
		// What RFC 3986 calls unreserved stays.
		if ((isalnum((unsigned char)*role) && (unsigned char)*role < 128) ||
		    strchr("-._~", *role))
			*to++ = *role;
		else
			to += sprintf(to, "%%%02X", (unsigned char)*role);
	}
	*to = '\0';
	if (version)
		size = asprintf(ret, "%" PRId64 ".%s.json", version, encoded);
	else
		size = asprintf(ret, "%s.json", encoded);
	return size < 0 ? sut_err_nomem() : NULL;
}

bool sut_tuf_path_is_safe(const char *path)
{
	for (const char *part = path;; part++) {
		size_t size = strcspn(part, "/");
		if (size == 0 || (size == 1 && part[0] == '.') ||
		    (size == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		for (size_t i = 0; i < size; i++)
			if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f)
				return false;
		part += size;
		if (!*part)
			return true;
	}
}

struct sut_err *sut_tuf_target_file(const char *path, const char *digest, char **ret)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path + 1) : 0;

	if (asprintf(ret, "%.*s%s.%s", folder, path, digest, path + folder) < 0)
		return sut_err_nomem();
	return NULL;
}
