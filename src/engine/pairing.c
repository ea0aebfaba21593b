// SPDX-License-Identifier: Apache-2.0
#include "engine/pairing.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/cleanup.h"

void sut_pairing_deinit(struct sut_pairing *pairing)
{
	free(pairing->pairs);
	*pairing = (struct sut_pairing){ 0 };
}

static bool is_version_char(char c)
{
	return isalnum((unsigned char)c) || strchr(".+~-", c);
}

// Copy path, with each run of version characters that starts with a digit
// replaced by '#': "libx-9.18.49-1~deb12u1-Y.so" and its successor get equal.
static char *without_versions(const char *path)
{
	char *text = malloc(strlen(path) + 1), *out = text;

	if (!text)
		return NULL;
	while (*path) {
		if (!isdigit((unsigned char)*path)) {
			*out++ = *path++;
			continue;
		}
		*out++ = '#';
		while (*path && is_version_char(*path) && strncmp(path, ".so", 3) != 0)
			path++;
	}
	*out = 0;
	return text;
}

static const struct sut_deb_file *find_path(const struct sut_deb *deb, const char *path)
{
	for (size_t i = 0; i < deb->n_files; i++)
		if (strcmp(deb->files[i].path, path) == 0)
			return &deb->files[i];
	return NULL;
}

// The only file of `deb` that has no namesake in `other` and whose path without
// versions is `wanted`.
static struct sut_err *find_pattern(const struct sut_deb *deb, const struct sut_deb *other,
				    const char *wanted, const struct sut_deb_file **ret)
{
	const struct sut_deb_file *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < deb->n_files; i++) {
		if (find_path(other, deb->files[i].path))
			continue;
		_cleanup_free_ char *pattern = without_versions(deb->files[i].path);
		if (!pattern)
			return sut_err_nomem();
		if (strcmp(pattern, wanted) == 0) {
			found = &deb->files[i];
			n++;
		}
	}
	*ret = n == 1 ? found : NULL;
	return NULL;
}

struct sut_err *sut_pairing_init(const struct sut_deb *old, const struct sut_deb *new,
				 struct sut_pairing *ret)
{
	_cleanup_(sut_pairing_deinit) struct sut_pairing pairing = {
		.pairs = calloc(old->n_files + 1, sizeof(*pairing.pairs)),
		.n_pairs = old->n_files,
	};

	if (!pairing.pairs)
		return sut_err_nomem();
	for (size_t i = 0; i < old->n_files; i++) {
		struct sut_file_pair *pair = &pairing.pairs[i];
		const struct sut_deb_file *same, *twin;
		pair->old = &old->files[i];
		pair->new = find_path(new, pair->old->path);
		if (pair->new)
			continue;
		_cleanup_free_ char *pattern = without_versions(pair->old->path);
		if (!pattern)
			return sut_err_nomem();
		struct sut_err *err = find_pattern(new, old, pattern, &same);
		// The pattern must not fit a second old file either.
		if (!err)
			err = find_pattern(old, new, pattern, &twin);
		if (err)
			return err;
		if (twin == pair->old)
			pair->new = same;
	}
	*ret = pairing;
	pairing.pairs = NULL;
	return NULL;
}
