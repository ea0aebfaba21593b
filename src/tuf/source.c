// SPDX-License-Identifier: Apache-2.0
#include "tuf/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tuf/metadata.h"

/** A source that is two folders. */
struct folders {
	struct sut_tuf_source source; /**< First, so that one is the other. */
	char *paths[2];               /**< By enum sut_tuf_kind; owned. */
};

static struct sut_err *pass_on(int fd, const char *path, uint64_t limit,
			       const struct sut_tuf_sink *sink)
{
	uint8_t piece[16384];
	uint64_t size = 0;

	for (;;) {
		ssize_t got = read(fd, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sut_err_os(errno, "read %s", path);
		if (got == 0)
			return NULL;
		size += got;
		if (size > limit)
			return sut_err(SUT_E_UNTRUSTED,
				       "%s: over the %" PRIu64 " bytes it may have", path, limit);
		struct sut_err *err = sink->add(sink->context, (struct sut_view){ piece, got });
		if (err)
			return err;
	}
}

static struct sut_err *fetch(struct sut_tuf_source *source, enum sut_tuf_kind kind,
			     const char *name, uint64_t limit, const struct sut_tuf_sink *sink,
			     bool *found)
{
	struct folders *folders = (struct folders *)source;
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (!folders->paths[kind])
		return sut_err(SUT_E_USAGE, "%s: no folder of targets was named", name);
	if (!sut_tuf_path_is_safe(name))
		return sut_err(SUT_E_UNTRUSTED, "\"%s\" would leave its folder", name);
	if (asprintf(&path, "%s/%s", folders->paths[kind], name) < 0)
		return sut_err_nomem();
	// A FIFO would hold an open without O_NONBLOCK for ever.
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG)) {
		*found = false;
		return NULL;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return sut_err_os(errno, "read %s", path);
	if (!S_ISREG(st.st_mode))
		return sut_err(SUT_E_UNTRUSTED, "%s: not a file", path);
	*found = true;
	return pass_on(fd, path, limit, sink);
}

static void free_folders(struct sut_tuf_source *source)
{
	struct folders *folders = (struct folders *)source;

	free(folders->paths[SUT_TUF_METADATA]);
	free(folders->paths[SUT_TUF_TARGET]);
	free(folders);
}

struct sut_err *sut_tuf_source_folders(const char *metadata, const char *targets,
				       struct sut_tuf_source **ret)
{
	struct folders *folders = calloc(1, sizeof(*folders));

	if (!folders)
		return sut_err_nomem();
	folders->source = (struct sut_tuf_source){ fetch, free_folders };
	folders->paths[SUT_TUF_METADATA] = strdup(metadata);
	folders->paths[SUT_TUF_TARGET] = targets ? strdup(targets) : NULL;
	if (!folders->paths[SUT_TUF_METADATA] || (targets && !folders->paths[SUT_TUF_TARGET])) {
		free_folders(&folders->source);
		return sut_err_nomem();
	}
	*ret = &folders->source;
	return NULL;
}

struct sut_err *sut_tuf_source_folder(const char *path, struct sut_tuf_source **ret)
{
	_cleanup_free_ char *metadata = NULL, *targets = NULL;

	if (asprintf(&metadata, "%s/metadata", path) < 0 ||
	    asprintf(&targets, "%s/targets", path) < 0)
		return sut_err_nomem();
	return sut_tuf_source_folders(metadata, targets, ret);
}
