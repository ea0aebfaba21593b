// SPDX-License-Identifier: Apache-2.0
#include "tuf/metadata.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "tuf/canonical.h"

/** All that a client does with targets metadata, whatever is in it. */
static void walk_targets(const struct sut_metadata *metadata)
{
	json_t *targets = json_object_get(metadata->body, "targets");
	struct sut_tuf_delegation delegation;
	struct sut_tuf_target target;

	for (void *at = json_object_iter(targets); at; at = json_object_iter_next(targets, at)) {
		const char *path = json_object_iter_key(at);
		_cleanup_free_ char *file = NULL;
		if (!sut_metadata_target(metadata, path, &target) || target.file.size < 0)
			abort();
		if (sut_tuf_path_is_safe(path))
			sut_err_free(sut_tuf_target_file(path, "00", &file));
		for (size_t i = 0; i < sut_metadata_n_delegations(metadata); i++) {
			sut_metadata_delegation(metadata, i, &delegation);
			sut_tuf_delegation_covers(&delegation, path);
		}
	}
}

/** Signatures are counted by what it says itself, as a root is by its own keys. */
static void count(const struct sut_metadata *metadata, const char *name)
{
	struct sut_tuf_role role;
	_cleanup_free_ char *file = NULL;
	int64_t n = 0;

	if (!sut_metadata_role(metadata, name, &role))
		return;
	struct sut_err *err = sut_metadata_count(metadata, &role, &n);
	if (!err && n > (int64_t)json_array_size(role.keyids))
		abort();
	sut_err_free(err);
	sut_err_free(sut_tuf_file_name(name, metadata->version, &file));
}

/** Any bytes as metadata of each type. What was taken must come back the same from its own
 *  canonical form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum sut_metadata_type types[] = { SUT_METADATA_ROOT, SUT_METADATA_TIMESTAMP,
							SUT_METADATA_SNAPSHOT,
							SUT_METADATA_TARGETS };
	struct sut_tuf_expected expected;

	for (size_t i = 0; i < 4; i++) {
		_cleanup_(sut_metadata_deinit) struct sut_metadata metadata = { 0 };
		_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
		struct sut_err *err =
			sut_metadata_init((struct sut_view){ data, size }, types[i], &metadata);
		if (!err)
			err = sut_json_canonical(metadata.body, &text);
		if (err) {
			sut_err_free(err);
			continue;
		}
		if (types[i] == SUT_METADATA_TARGETS)
			walk_targets(&metadata);
		if (types[i] == SUT_METADATA_ROOT || types[i] == SUT_METADATA_TARGETS) {
			count(&metadata, "root");
			count(&metadata, "hotpatches");
		}
		sut_metadata_expected(&metadata, "snapshot", &expected);
	}
	return 0;
}
