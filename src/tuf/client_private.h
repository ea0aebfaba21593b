// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the files of the reading side share
 */

#include "tuf/client.h"
#include "tuf/metadata.h"
#include "tuf/source.h"

/** Metadata of a targets role that is in memory. */
struct sut_tuf_loaded {
	char *name;                   /**< Owned. */
	struct sut_metadata metadata; /**< Owned. */
};

struct sut_tuf_client {
	struct sut_tuf_options options; /**< Without zeros. */
	char *store;                    /**< Owned: the folder. */
	int lock;                       /**< Descriptor that holds the lock. */
	struct sut_metadata root;       /**< Owned; envelopes are NULL when not loaded. */
	struct sut_metadata timestamp;
	struct sut_metadata snapshot;
	/** Owned pointers, so that what was lent out stays where it is; targets is first. */
	struct sut_tuf_loaded **loaded;
	size_t n_loaded;
	int64_t now;     /**< By which expiry is judged, seconds since 1970. */
	int64_t seen;    /**< The latest time seen, 0 when none. */
	bool is_resumed; /**< Nothing is fetched, expiry is not judged. */
};

/** Fetch metadata into memory; @p version 0 for a name without one. @p ret owns the bytes. */
sut_check struct sut_err *sut_tuf_fetch_metadata(struct sut_tuf_client *client, const char *role,
						 int64_t version, size_t limit, bool *found,
						 struct sut_file *ret);

/** Read stored metadata of any size that may be; @p found is false when there is none, or when it
 *  cannot be read as that: then it is fetched again. */
sut_check struct sut_err *sut_tuf_read_stored(struct sut_tuf_client *client, const char *role,
					      enum sut_metadata_type type, struct sut_metadata *ret,
					      struct sut_file *bytes_ret, bool *found);

/** Store metadata as it was received. */
sut_check struct sut_err *sut_tuf_store(struct sut_tuf_client *client, const char *role,
					struct sut_view bytes);

/** SUT_E_UNTRUSTED unless size and digests of @p bytes are what is expected. */
sut_check struct sut_err *sut_tuf_check_bytes(struct sut_view bytes,
					      const struct sut_tuf_expected *expected,
					      const char *name);

/** SUT_E_EXPIRED when it has. */
sut_check struct sut_err *sut_tuf_check_expiry(const struct sut_tuf_client *client,
					       const struct sut_metadata *metadata,
					       const char *role);

/** Load targets metadata of @p role: from memory, from the store, or fetched, as the snapshot says;
 *  signed by @p signers. Borrowed until the next refresh. */
sut_check struct sut_err *sut_tuf_load(struct sut_tuf_client *client,
				       const struct sut_tuf_role *signers,
				       const struct sut_metadata **ret);

/** Fetch a file into @p folder under another name; as sut_tuf_client_download(). */
sut_check struct sut_err *sut_tuf_download_as(struct sut_tuf_client *client,
					      const struct sut_tuf_target *target,
					      const char *folder, const char *name);

/** Forget all but root. */
void sut_tuf_forget(struct sut_tuf_client *client);
