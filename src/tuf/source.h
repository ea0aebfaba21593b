// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Where a client's bytes come from
 *
 * A repository behind HTTP (tuf/http.h) or in a folder: a mirror, a USB stick. A source is not
 * trusted; what it must do is keep to the limits, so that bytes without end or one byte a minute
 * cannot hold a client.
 */

#include <stdbool.h>

#include "base/err.h"
#include "base/view.h"

enum sut_tuf_kind {
	SUT_TUF_METADATA, /**< Below metadata/; the name is a file's, percent-encoded already. */
	SUT_TUF_TARGET,   /**< Below targets/; the name is a path. */
};

/** What takes the bytes, piece by piece. Its error ends the fetch and becomes its result. */
struct sut_tuf_sink {
	struct sut_err *(*add)(void *context, struct sut_view bytes);
	void *context;
};

/** A source. The functions are its own; the rest of it is behind this struct. */
struct sut_tuf_source {
	/** Fetch a file of at most @p limit bytes; more is SUT_E_UNTRUSTED, a server that cannot
	 *  be reached or is too slow SUT_E_NETWORK. @p found tells whether there is one. */
	struct sut_err *(*fetch)(struct sut_tuf_source *source, enum sut_tuf_kind kind,
				 const char *name, uint64_t limit, const struct sut_tuf_sink *sink,
				 bool *found);
	void (*free)(struct sut_tuf_source *source);
};

/** The repository in the folder @p path (which holds metadata/ and targets/). */
sut_check struct sut_err *sut_tuf_source_folder(const char *path, struct sut_tuf_source **ret);

/** The same with the two folders named each; @p targets may be NULL. */
sut_check struct sut_err *sut_tuf_source_folders(const char *metadata, const char *targets,
						 struct sut_tuf_source **ret);

static inline void sut_tuf_source_free(struct sut_tuf_source *source)
{
	if (source)
		source->free(source);
}

static inline void sut_tuf_source_freep(struct sut_tuf_source **source)
{
	sut_tuf_source_free(*source);
}
