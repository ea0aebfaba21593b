// SPDX-License-Identifier: Apache-2.0
#include "tuf/client_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "tuf/digest.h"
#include "tuf/folder.h"

static void set_defaults(struct sut_tuf_options *options)
{
	if (!options->max_root)
		options->max_root = (size_t)512 << 10;
	if (!options->max_timestamp)
		options->max_timestamp = (size_t)64 << 10;
	if (!options->max_snapshot)
		options->max_snapshot = (size_t)4 << 20;
	if (!options->max_targets)
		options->max_targets = (size_t)16 << 20;
	if (!options->max_target)
		options->max_target = (uint64_t)1 << 30;
	if (!options->max_roots)
		options->max_roots = 1024;
	if (!options->max_visits)
		options->max_visits = 32;
}

static struct sut_err *append(void *context, struct sut_view bytes)
{
	return sut_buf_add(context, bytes.data, bytes.size);
}

struct sut_err *sut_tuf_fetch_metadata(struct sut_tuf_client *client, const char *role,
				       int64_t version, size_t limit, bool *found,
				       struct sut_file *ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf buf = { 0 };
	const struct sut_tuf_sink sink = { append, &buf };
	struct sut_tuf_source *source = client->options.source;
	_cleanup_free_ char *name = NULL;

	if (!source || client->is_resumed) {
		*found = false;
		return NULL;
	}
	struct sut_err *err = sut_tuf_file_name(role, version, &name);
	if (!err)
		err = source->fetch(source, SUT_TUF_METADATA, name, limit, &sink, found);
	if (!err && *found)
		ret->view = (struct sut_view){ steal(buf.data), buf.size };
	return err;
}

static size_t limit_of(const struct sut_tuf_client *client, enum sut_metadata_type type)
{
	switch (type) {
	case SUT_METADATA_ROOT:
		return client->options.max_root;
	case SUT_METADATA_TIMESTAMP:
		return client->options.max_timestamp;
	case SUT_METADATA_SNAPSHOT:
		return client->options.max_snapshot;
	case SUT_METADATA_TARGETS:
		break;
	}
	return client->options.max_targets;
}

struct sut_err *sut_tuf_read_stored(struct sut_tuf_client *client, const char *role,
				    enum sut_metadata_type type, struct sut_metadata *ret,
				    struct sut_file *bytes_ret, bool *found)
{
	_cleanup_(sut_file_deinit) struct sut_file bytes = { 0 };
	_cleanup_free_ char *name = NULL;

	struct sut_err *err = sut_tuf_file_name(role, 0, &name);
	if (!err)
		err = sut_folder_read(client->store, name, limit_of(client, type), found, &bytes);
	if (!err && *found)
		err = sut_metadata_init(bytes.view, type, ret);
	// A damaged file is as good as none: what it was can be fetched again.
	if (err && (err->code == SUT_E_FORMAT || err->code == SUT_E_UNSUPPORTED)) {
		sut_err_free(err);
		*found = false;
		return NULL;
	}
	if (!err && *found && bytes_ret) {
		*bytes_ret = bytes;
		bytes = (struct sut_file){ 0 };
	}
	return err;
}

struct sut_err *sut_tuf_store(struct sut_tuf_client *client, const char *role,
			      struct sut_view bytes)
{
	_cleanup_free_ char *name = NULL;
	struct sut_err *err = sut_tuf_file_name(role, 0, &name);

	return err ? err : sut_folder_write(client->store, name, bytes);
}

struct sut_err *sut_tuf_check_bytes(struct sut_view bytes, const struct sut_tuf_expected *expected,
				    const char *name)
{
	struct sut_digests digests;

	if (expected->size >= 0 && bytes.size != expected->size)
		return sut_err(SUT_E_UNTRUSTED,
			       "%s: has %zu bytes where signed metadata says %" PRId64, name,
			       bytes.size, expected->size);
	if (!expected->has_digests)
		return NULL;
	if (!expected->sha256 && !expected->sha512)
		return sut_err(SUT_E_UNTRUSTED, "%s: its digest is of no kind that can be checked",
			       name);
	struct sut_err *err = sut_digests_of(bytes, &digests);
	if (err)
		return err;
	if ((expected->sha256 && strcasecmp(digests.sha256, expected->sha256) != 0) ||
	    (expected->sha512 && strcasecmp(digests.sha512, expected->sha512) != 0))
		return sut_err(SUT_E_UNTRUSTED,
			       "%s: is not the file that was signed (its digest is "
			       "another)",
			       name);
	return NULL;
}

struct sut_err *sut_tuf_check_expiry(const struct sut_tuf_client *client,
				     const struct sut_metadata *metadata, const char *role)
{
	char expired[SUT_TIME_SIZE], seen[SUT_TIME_SIZE];

	if (client->is_resumed || metadata->expires > client->now)
		return NULL;
	sut_time_format(metadata->expires, expired);
	sut_time_format(client->now, seen);
	if (client->seen == client->now && sut_time_now() < client->seen)
		return sut_err(
			SUT_E_EXPIRED,
			"%s: expired at %s; this machine's clock is behind (it was %s once): "
			"set it right",
			role, expired, seen);
	return sut_err(SUT_E_EXPIRED,
		       "%s: expired at %s; either nobody renews the repository, or somebody keeps "
		       "newer metadata from this machine",
		       role, expired);
}

/** Read and check the root of trust. */
static struct sut_err *read_root(struct sut_tuf_client *client)
{
	struct sut_tuf_role role;
	bool found;
	struct sut_err *err =
		sut_tuf_read_stored(client, "root", SUT_METADATA_ROOT, &client->root, NULL, &found);

	if (!err && !found)
		err = sut_err(
			SUT_E_USAGE,
			"%s: has no root of trust that can be read; give it the root.json that "
			"came with your configuration",
			client->store);
	if (!err && sut_metadata_role(&client->root, "root", &role))
		err = sut_metadata_verify(&client->root, &role);
	return err ? sut_err_wrap(err, "%s/root.json", client->store) : NULL;
}

/** The latest time at which a refresh succeeded; nonsense counts as none. */
static struct sut_err *read_seen(struct sut_tuf_client *client)
{
	_cleanup_(sut_file_deinit) struct sut_file bytes = { 0 };
	char text[SUT_TIME_SIZE] = { 0 };
	bool found;
	struct sut_err *err = sut_folder_read(client->store, "seen", 64, &found, &bytes);

	if (err && err->code == SUT_E_FORMAT) {
		sut_err_free(err);
		return NULL;
	}
	if (err || !found || bytes.view.size < SUT_TIME_SIZE - 1)
		return err;
	memcpy(text, bytes.view.data, SUT_TIME_SIZE - 1);
	if (!sut_time_parse(text, &client->seen))
		client->seen = 0;
	return NULL;
}

/** Lock the folder, nothing else. */
static struct sut_err *prepare(const struct sut_tuf_options *options, struct sut_tuf_client **ret)
{
	_cleanup_(sut_tuf_client_closep) struct sut_tuf_client *client = calloc(1, sizeof(*client));

	if (!client)
		return sut_err_nomem();
	client->lock = -1;
	client->options = *options;
	set_defaults(&client->options);
	client->store = strdup(options->store);
	struct sut_err *err = client->store ? sut_folder_make(client->store) : sut_err_nomem();
	if (!err)
		err = sut_folder_lock(client->store, 30, &client->lock);
	if (err)
		return err;
	sut_folder_sweep(client->store);
	*ret = steal(client);
	return NULL;
}

struct sut_err *sut_tuf_client_trust(const char *store, struct sut_view bytes)
{
	const struct sut_tuf_options options = { .store = store };
	_cleanup_(sut_tuf_client_closep) struct sut_tuf_client *client = NULL;
	_cleanup_(sut_metadata_deinit) struct sut_metadata root = { 0 };
	struct sut_tuf_role role;
	bool found = false;

	struct sut_err *err = sut_metadata_init(bytes, SUT_METADATA_ROOT, &root);
	if (!err && sut_metadata_role(&root, "root", &role))
		err = sut_metadata_verify(&root, &role);
	if (err)
		return sut_err_wrap(err, "root of trust");
	err = prepare(&options, &client);
	if (!err)
		err = sut_tuf_read_stored(client, "root", SUT_METADATA_ROOT, &client->root, NULL,
					  &found);
	if (err || (found && client->root.version >= root.version))
		return err;
	return sut_tuf_store(client, "root", bytes);
}

struct sut_err *sut_tuf_client_open(const struct sut_tuf_options *options,
				    struct sut_tuf_client **ret)
{
	_cleanup_(sut_tuf_client_closep) struct sut_tuf_client *client = NULL;
	struct sut_err *err = prepare(options, &client);

	if (!err)
		err = read_root(client);
	if (!err)
		err = read_seen(client);
	if (!err)
		*ret = steal(client);
	return err;
}

void sut_tuf_forget(struct sut_tuf_client *client)
{
	for (size_t i = 0; i < client->n_loaded; i++) {
		sut_metadata_deinit(&client->loaded[i]->metadata);
		free(client->loaded[i]->name);
		free(client->loaded[i]);
	}
	free(client->loaded);
	client->loaded = NULL;
	client->n_loaded = 0;
	sut_metadata_deinit(&client->timestamp);
	sut_metadata_deinit(&client->snapshot);
}

void sut_tuf_client_close(struct sut_tuf_client *client)
{
	if (!client)
		return;
	sut_tuf_forget(client);
	sut_metadata_deinit(&client->root);
	if (client->lock >= 0)
		close(client->lock);
	free(client->store);
	free(client);
}

void sut_tuf_client_state(const struct sut_tuf_client *client, struct sut_tuf_state *ret)
{
	const struct sut_metadata *targets = client->n_loaded ? &client->loaded[0]->metadata : NULL;
	const struct sut_metadata *all[] = { &client->root, &client->timestamp, &client->snapshot,
					     targets };
	int64_t now = sut_time_now();

	*ret = (struct sut_tuf_state){
		.root = client->root.version,
		.timestamp = client->timestamp.version,
		.snapshot = client->snapshot.version,
		.targets = targets ? targets->version : 0,
		.clock_behind = client->seen > now ? client->seen - now : 0,
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] && all[i]->envelope && (!ret->expires || all[i]->expires < ret->expires))
			ret->expires = all[i]->expires;
}
