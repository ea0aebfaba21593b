// SPDX-License-Identifier: Apache-2.0
#include "tuf/client_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "tuf/folder.h"

/** A rewritten `seen` costs a write to the disk; so often it is worth one. */
static const int64_t seen_step = 60;

/** Verify by what root says of the role @p name. */
static struct sut_err *verify_top(const struct sut_metadata *root,
				  const struct sut_metadata *metadata, const char *name)
{
	struct sut_tuf_role role;

	if (!sut_metadata_role(root, name, &role))
		return sut_err(SUT_E_UNTRUSTED, "root has no role %s", name);
	return sut_metadata_verify(metadata, &role);
}

/** Has some key of the role @p name gone? */
static bool is_rotated(const struct sut_metadata *old, const struct sut_metadata *new,
		       const char *name)
{
	struct sut_tuf_role before, now;

	if (!sut_metadata_role(old, name, &before) || !sut_metadata_role(new, name, &now))
		return false;
	for (size_t i = 0; i < json_array_size(before.keyids); i++) {
		const json_t *id = json_array_get(before.keyids, i);
		bool is_there = false;
		for (size_t k = 0; k < json_array_size(now.keyids); k++)
			is_there |= json_equal(json_array_get(now.keyids, k), id);
		if (!is_there)
			return true;
	}
	return false;
}

/** 5.3.11: whoever had the old keys may have raised the versions beyond what the owner can reach.
 *  Before the new root is stored: a crash between the two only repeats it. */
static struct sut_err *drop_rotated(struct sut_tuf_client *client, const struct sut_metadata *new)
{
	if (!is_rotated(&client->root, new, "timestamp") &&
	    !is_rotated(&client->root, new, "snapshot"))
		return NULL;
	struct sut_err *err = sut_folder_remove(client->store, "timestamp.json");
	return err ? err : sut_folder_remove(client->store, "snapshot.json");
}

/** Take the next root; @p found is false when there is none. */
static struct sut_err *next_root(struct sut_tuf_client *client, bool *found)
{
	_cleanup_(sut_metadata_deinit) struct sut_metadata new = { 0 };
	_cleanup_(sut_file_deinit) struct sut_file bytes = { 0 };
	int64_t version = client->root.version + 1;

	struct sut_err *err = sut_tuf_fetch_metadata(client, "root", version,
						     client->options.max_root, found, &bytes);
	if (err || !*found)
		return err;
	err = sut_metadata_init(bytes.view, SUT_METADATA_ROOT, &new);
	if (!err)
		err = verify_top(&client->root, &new, "root");
	if (!err)
		err = verify_top(&new, &new, "root");
	if (!err && new.version != version)
		err = sut_err(SUT_E_UNTRUSTED, "it says that it is version %" PRId64, new.version);
	if (!err)
		err = drop_rotated(client, &new);
	if (!err)
		err = sut_tuf_store(client, "root", bytes.view);
	if (err)
		return sut_err_wrap(err, "%" PRId64 ".root.json", version);
	sut_metadata_deinit(&client->root);
	client->root = new;
	new = (struct sut_metadata){ 0 };
	return NULL;
}

static struct sut_err *update_root(struct sut_tuf_client *client)
{
	struct sut_err *err = NULL;
	bool found = true;

	for (unsigned int i = 0; !err && found && i < client->options.max_roots; i++)
		err = next_root(client, &found);
	return err ? err : sut_tuf_check_expiry(client, &client->root, "root");
}

static struct sut_err *refuse_rollback(const char *what, int64_t new, int64_t old)
{
	return sut_err(SUT_E_UNTRUSTED,
		       "%s: version %" PRId64 " was offered where version %" PRId64
		       " was seen before: somebody turns the repository back",
		       what, new, old);
}

static struct sut_err *check_not_older(const struct sut_metadata *old,
				       const struct sut_metadata *new)
{
	struct sut_tuf_expected before, now;

	if (new->version < old->version)
		return refuse_rollback("timestamp", new->version, old->version);
	if (sut_metadata_expected(old, "snapshot", &before) &&
	    sut_metadata_expected(new, "snapshot", &now) && now.version < before.version)
		return refuse_rollback("snapshot", now.version, before.version);
	return NULL;
}

/** Read stored metadata that the root still vouches for; else its envelope is NULL. */
static struct sut_err *read_trusted(struct sut_tuf_client *client, enum sut_metadata_type type,
				    struct sut_metadata *ret, struct sut_file *bytes)
{
	const char *name = sut_metadata_type_name(type);
	bool found;
	struct sut_err *err = sut_tuf_read_stored(client, name, type, ret, bytes, &found);

	if (err || !found)
		return err;
	err = verify_top(&client->root, ret, name);
	if (!err || err->code != SUT_E_UNTRUSTED)
		return err;
	sut_err_free(err);
	sut_metadata_deinit(ret);
	return NULL;
}

static void move(struct sut_metadata *from, struct sut_metadata *to)
{
	sut_metadata_deinit(to);
	*to = *from;
	*from = (struct sut_metadata){ 0 };
}

static struct sut_err *update_timestamp(struct sut_tuf_client *client)
{
	_cleanup_(sut_metadata_deinit) struct sut_metadata old = { 0 }, new = { 0 };
	_cleanup_(sut_file_deinit) struct sut_file bytes = { 0 };
	bool found;

	struct sut_err *err = read_trusted(client, SUT_METADATA_TIMESTAMP, &old, NULL);
	if (!err)
		err = sut_tuf_fetch_metadata(client, "timestamp", 0, client->options.max_timestamp,
					     &found, &bytes);
	if (!err && !found)
		err = sut_err(SUT_E_NETWORK, "there is no timestamp.json; is it a repository?");
	if (!err)
		err = sut_metadata_init(bytes.view, SUT_METADATA_TIMESTAMP, &new);
	if (!err)
		err = verify_top(&client->root, &new, "timestamp");
	if (!err && old.envelope)
		err = check_not_older(&old, &new);
	if (err)
		return err;
	// Of two with the same version the first one stays.
	bool is_new = !old.envelope || new.version > old.version;
	if (!is_new)
		move(&old, &new);
	err = sut_tuf_check_expiry(client, &new, "timestamp");
	if (!err && is_new)
		err = sut_tuf_store(client, "timestamp", bytes.view);
	if (!err)
		move(&new, &client->timestamp);
	return err;
}

/** 5.5.5: every role that was listed is listed still, in no older version. */
static struct sut_err *check_roles_not_older(const struct sut_metadata *old,
					     const struct sut_metadata *new)
{
	json_t *before = json_object_get(old->body, "meta");
	const json_t *now = json_object_get(new->body, "meta");

	for (void *at = json_object_iter(before); at; at = json_object_iter_next(before, at)) {
		const char *name = json_object_iter_key(at);
		const json_t *info = json_object_get(now, name);
		int64_t was =
			json_integer_value(json_object_get(json_object_iter_value(at), "version"));
		int64_t is = json_integer_value(json_object_get(info, "version"));
		if (!info)
			return sut_err(SUT_E_UNTRUSTED, "snapshot: %s was in it and is missing now",
				       name);
		if (is < was)
			return refuse_rollback(name, is, was);
	}
	return NULL;
}

static bool is_consistent(const struct sut_tuf_client *client)
{
	return json_is_true(json_object_get(client->root.body, "consistent_snapshot"));
}

static size_t smaller(size_t limit, int64_t size)
{
	return size >= 0 && (uint64_t)size < limit ? (size_t)size : limit;
}

/** Fetch the version that was announced, and check that it is that. */
static struct sut_err *fetch_announced(struct sut_tuf_client *client, const char *role,
				       const struct sut_tuf_expected *expected, size_t limit,
				       enum sut_metadata_type type, struct sut_metadata *ret,
				       struct sut_file *bytes)
{
	bool found;
	struct sut_err *err =
		sut_tuf_fetch_metadata(client, role, is_consistent(client) ? expected->version : 0,
				       smaller(limit, expected->size), &found, bytes);
	if (!err && !found)
		err = sut_err(client->is_resumed ? SUT_E_USAGE : SUT_E_UNTRUSTED,
			      "%s: version %" PRId64 " was announced and is not there", role,
			      expected->version);
	if (!err)
		err = sut_tuf_check_bytes(bytes->view, expected, role);
	if (!err)
		err = sut_metadata_init(bytes->view, type, ret);
	if (!err && ret->version != expected->version)
		err = sut_err(SUT_E_UNTRUSTED,
			      "%s: version %" PRId64 " was announced, and it is %" PRId64, role,
			      expected->version, ret->version);
	return err;
}

/** Is what is stored already what was announced? */
static bool is_announced(const struct sut_tuf_client *client, const struct sut_metadata *stored,
			 struct sut_view bytes, const struct sut_tuf_expected *expected)
{
	if (!stored->envelope || stored->version != expected->version)
		return false;
	struct sut_err *err = sut_tuf_check_bytes(bytes, expected, "");
	if (!err)
		err = sut_tuf_check_expiry(client, stored, "");
	bool is_same = !err;
	sut_err_free(err);
	return is_same;
}

static struct sut_err *update_snapshot(struct sut_tuf_client *client)
{
	_cleanup_(sut_metadata_deinit) struct sut_metadata old = { 0 }, new = { 0 };
	_cleanup_(sut_file_deinit) struct sut_file old_bytes = { 0 }, bytes = { 0 };
	struct sut_tuf_expected expected;

	struct sut_err *err = read_trusted(client, SUT_METADATA_SNAPSHOT, &old, &old_bytes);
	if (!err && !sut_metadata_expected(&client->timestamp, "snapshot", &expected))
		err = sut_err_nomem();
	if (err)
		return err;
	if (is_announced(client, &old, old_bytes.view, &expected)) {
		move(&old, &client->snapshot);
		return NULL;
	}
	err = fetch_announced(client, "snapshot", &expected, client->options.max_snapshot,
			      SUT_METADATA_SNAPSHOT, &new, &bytes);
	if (!err)
		err = verify_top(&client->root, &new, "snapshot");
	if (!err && old.envelope)
		err = check_roles_not_older(&old, &new);
	if (!err)
		err = sut_tuf_check_expiry(client, &new, "snapshot");
	if (!err)
		err = sut_tuf_store(client, "snapshot", bytes.view);
	if (!err)
		move(&new, &client->snapshot);
	return err;
}

static struct sut_tuf_loaded *find_loaded(const struct sut_tuf_client *client, const char *name)
{
	for (size_t i = 0; i < client->n_loaded; i++)
		if (strcmp(client->loaded[i]->name, name) == 0)
			return client->loaded[i];
	return NULL;
}

/** Keep metadata in memory, taken from @p metadata. */
static struct sut_err *keep(struct sut_tuf_client *client, const char *name,
			    struct sut_metadata *metadata, const struct sut_metadata **ret)
{
	struct sut_tuf_loaded **all =
		reallocarray(client->loaded, client->n_loaded + 1, sizeof(*client->loaded));

	if (!all)
		return sut_err_nomem();
	client->loaded = all;
	_cleanup_free_ struct sut_tuf_loaded *one = calloc(1, sizeof(*one));
	if (!one || !(one->name = strdup(name)))
		return sut_err_nomem();
	move(metadata, &one->metadata);
	*ret = &one->metadata;
	all[client->n_loaded++] = steal(one);
	return NULL;
}

struct sut_err *sut_tuf_load(struct sut_tuf_client *client, const struct sut_tuf_role *signers,
			     const struct sut_metadata **ret)
{
	_cleanup_(sut_metadata_deinit) struct sut_metadata stored = { 0 }, new = { 0 };
	_cleanup_(sut_file_deinit) struct sut_file stored_bytes = { 0 }, bytes = { 0 };
	struct sut_tuf_loaded *loaded = find_loaded(client, signers->name);
	struct sut_tuf_expected expected;
	bool found;

	// A role may be reached over two ways: each must vouch for it.
	if (loaded) {
		*ret = &loaded->metadata;
		return sut_metadata_verify(&loaded->metadata, signers);
	}
	if (!sut_metadata_expected(&client->snapshot, signers->name, &expected))
		return sut_err(SUT_E_UNTRUSTED, "%s: is not in the snapshot", signers->name);
	struct sut_err *err = sut_tuf_read_stored(client, signers->name, SUT_METADATA_TARGETS,
						  &stored, &stored_bytes, &found);
	if (err)
		return err;
	if (found && is_announced(client, &stored, stored_bytes.view, &expected)) {
		err = sut_metadata_verify(&stored, signers);
		if (!err)
			return keep(client, signers->name, &stored, ret);
		sut_err_free(err);
	}
	err = fetch_announced(client, signers->name, &expected, client->options.max_targets,
			      SUT_METADATA_TARGETS, &new, &bytes);
	if (!err)
		err = sut_metadata_verify(&new, signers);
	if (!err)
		err = sut_tuf_check_expiry(client, &new, signers->name);
	if (!err)
		err = sut_tuf_store(client, signers->name, bytes.view);
	return err ? err : keep(client, signers->name, &new, ret);
}

static struct sut_err *load_top_targets(struct sut_tuf_client *client)
{
	const struct sut_metadata *targets;
	struct sut_tuf_role role;

	if (!sut_metadata_role(&client->root, "targets", &role))
		return sut_err(SUT_E_UNTRUSTED, "root has no role targets");
	return sut_tuf_load(client, &role, &targets);
}

static struct sut_err *write_seen(struct sut_tuf_client *client)
{
	char text[SUT_TIME_SIZE];

	if (client->now < client->seen + seen_step)
		return NULL;
	sut_time_format(client->now, text);
	struct sut_err *err = sut_folder_write(
		client->store, "seen", (struct sut_view){ (uint8_t *)text, sizeof(text) - 1 });
	if (!err)
		client->seen = client->now;
	return err;
}

struct sut_err *sut_tuf_client_refresh(struct sut_tuf_client *client)
{
	struct sut_err *err;

	if (!client->options.source)
		return sut_err(SUT_E_USAGE, "%s: no repository was named", client->store);
	sut_tuf_forget(client);
	client->is_resumed = false;
	client->now = sut_time_now();
	if (client->now < client->seen)
		client->now = client->seen;
	err = update_root(client);
	if (!err)
		err = update_timestamp(client);
	if (!err)
		err = update_snapshot(client);
	if (!err)
		err = load_top_targets(client);
	return err ? err : write_seen(client);
}

struct sut_err *sut_tuf_client_resume(struct sut_tuf_client *client)
{
	sut_tuf_forget(client);
	client->is_resumed = true;
	struct sut_err *err =
		read_trusted(client, SUT_METADATA_TIMESTAMP, &client->timestamp, NULL);
	if (!err)
		err = read_trusted(client, SUT_METADATA_SNAPSHOT, &client->snapshot, NULL);
	if (!err && (!client->timestamp.envelope || !client->snapshot.envelope))
		err = sut_err(SUT_E_USAGE, "%s: holds no complete state; refresh it",
			      client->store);
	return err ? err : load_top_targets(client);
}
