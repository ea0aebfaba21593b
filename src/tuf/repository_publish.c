// SPDX-License-Identifier: Apache-2.0
#include "tuf/repository_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "tuf/canonical.h"
#include "tuf/digest.h"
#include "tuf/folder.h"
#include "tuf/signer.h"

/** One publishing. Borrows all but what it makes. */
struct publishing {
	struct sut_repository *repository;
	const struct sut_signer *const *signers;
	size_t n_signers;
	const char *const *roles; /**< NULL for all. */
	/** Some old key is missing: the new root must come before what it vouches for. */
	bool is_root_first;
	struct sut_metadata snapshot;  /**< Owned; envelope NULL when the old one stays. */
	struct sut_metadata timestamp; /**< Owned. */
	struct sut_buf snapshot_text;  /**< Owned: the bytes of these. */
	struct sut_buf timestamp_text;
};

static void end_publishing(struct publishing *p)
{
	sut_metadata_deinit(&p->snapshot);
	sut_metadata_deinit(&p->timestamp);
	sut_buf_deinit(&p->snapshot_text);
	sut_buf_deinit(&p->timestamp_text);
}

static bool is_chosen(const struct publishing *p, const struct sut_repository_entry *entry)
{
	if (!entry->staged.envelope || !p->roles)
		return entry->staged.envelope;
	for (const char *const *role = p->roles; *role; role++)
		if (strcmp(*role, entry->name) == 0)
			return true;
	return false;
}

/** What clients will see of a role; its envelope is NULL when nothing. */
static const struct sut_metadata *after(const struct publishing *p, size_t i)
{
	const struct sut_repository_entry *entry = &p->repository->entries[i];

	return is_chosen(p, entry) ? &entry->staged : &entry->published;
}

/** Name the keys of @p role that have not signed @p metadata, as many as there is room for. */
static void list_missing(const struct sut_metadata *metadata, const struct sut_tuf_role *role,
			 char ret[256])
{
	const json_t *signatures = json_object_get(metadata->envelope, "signatures");
	size_t size = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < json_array_size(role->keyids) && size < 200; i++) {
		const char *id = json_string_value(json_array_get(role->keyids, i));
		bool has_signed = false;
		for (size_t k = 0; k < json_array_size(signatures); k++)
			has_signed |=
				strcmp(sut_json_member(json_array_get(signatures, k), "keyid"),
				       id) == 0;
		if (!has_signed)
			size += snprintf(ret + size, 256 - size, "%s%.16s", size ? ", " : "", id);
	}
}

/** An error, with the way out, unless enough keys of @p role have signed. */
static struct sut_err *need_signatures(const struct sut_metadata *metadata,
				       const struct sut_tuf_role *role)
{
	char missing[256];
	int64_t n;
	struct sut_err *err = sut_metadata_count(metadata, role, &n);

	if (err || n >= role->threshold)
		return err;
	list_missing(metadata, role, missing);
	return sut_err(SUT_E_USAGE,
		       "role %s: %" PRId64 " of %" PRId64
		       " signatures are there; nothing was published; sign with one of the keys %s",
		       role->name, n, role->threshold, missing);
}

static struct sut_err *check_root(const struct publishing *p)
{
	const struct sut_repository_entry *root = &p->repository->entries[0];
	struct sut_tuf_role role;
	struct sut_err *err = NULL;

	if (!after(p, 0)->envelope)
		return sut_err(SUT_E_USAGE, "role root was never published; publish it too");
	if (!is_chosen(p, root))
		return NULL;
	if (root->published.envelope && sut_metadata_role(&root->published, "root", &role))
		err = need_signatures(&root->staged, &role);
	if (!err && sut_metadata_role(&root->staged, "root", &role))
		err = need_signatures(&root->staged, &role);
	return err;
}

/** Does @p metadata hold under the new root, and, where keys change, under the old one too? */
static struct sut_err *check_under_roots(struct publishing *p, const struct sut_metadata *metadata,
					 const char *name)
{
	const struct sut_metadata *old = &p->repository->entries[0].published;
	struct sut_tuf_role role;
	int64_t n;

	if (!sut_metadata_role(after(p, 0), name, &role))
		return sut_err(SUT_E_FORMAT, "root has no role %s", name);
	struct sut_err *err = need_signatures(metadata, &role);
	if (err || !old->envelope || old == after(p, 0) || !sut_metadata_role(old, name, &role))
		return err;
	err = sut_metadata_count(metadata, &role, &n);
	if (!err && n < role.threshold)
		p->is_root_first = true;
	return err;
}

static struct sut_err *check_delegated(const struct publishing *p)
{
	const struct sut_metadata *targets = after(p, 1);
	struct sut_err *err = NULL;

	for (size_t i = 0; !err && i < sut_metadata_n_delegations(targets); i++) {
		struct sut_tuf_delegation delegation;
		sut_metadata_delegation(targets, i, &delegation);
		size_t at = sut_repository_find(p->repository, delegation.role.name) -
			    p->repository->entries;
		if (!after(p, at)->envelope)
			return sut_err(SUT_E_USAGE, "role %s was never published; publish it too",
				       delegation.role.name);
		err = need_signatures(after(p, at), &delegation.role);
	}
	return err;
}

static bool exists(const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0) {
		path = NULL;
		return false;
	}
	return access(path, F_OK) == 0;
}

struct sut_err *sut_repository_file_of(const char *target, const json_t *entry, char **ret)
{
	const char *digest = sut_json_member(json_object_get(entry, "hashes"), "sha256");

	if (!digest)
		return sut_err(SUT_E_UNSUPPORTED, "%s: has no SHA-256", target);
	return sut_tuf_target_file(target, digest, ret);
}

/** Call for each file of a role that is not among the published ones yet: check that it is among
 *  the staged ones, or with @p do_move move it. */
static struct sut_err *each_file(const struct publishing *p, const struct sut_metadata *metadata,
				 bool do_move)
{
	json_t *targets = json_object_get(metadata->body, "targets");
	struct sut_err *err = NULL;

	for (void *at = json_object_iter(targets); !err && at;
	     at = json_object_iter_next(targets, at)) {
		_cleanup_free_ char *file = NULL;
		err = sut_repository_file_of(json_object_iter_key(at), json_object_iter_value(at),
					     &file);
		if (err || exists(p->repository->targets, file))
			continue;
		if (!exists(p->repository->staged_targets, file))
			err = sut_err(SUT_E_FORMAT, "%s/%s is missing; add %s again",
				      p->repository->staged_targets, file,
				      json_object_iter_key(at));
		else if (do_move)
			err = sut_folder_move(p->repository->staged_targets, p->repository->targets,
					      file);
	}
	return err;
}

static struct sut_err *check_chosen(const struct publishing *p)
{
	int64_t now = sut_time_now();
	struct sut_err *err = NULL;

	for (size_t i = 0; !err && i < p->repository->n_entries; i++) {
		const struct sut_repository_entry *entry = &p->repository->entries[i];
		if (!is_chosen(p, entry))
			continue;
		if (entry->staged.expires <= now)
			return sut_err(SUT_E_EXPIRED,
				       "role %s: what is staged has expired; renew it",
				       entry->name);
		err = each_file(p, &entry->staged, false);
	}
	return err;
}

/** What is said of a metadata file of these bytes. */
static json_t *describe(int64_t version, const struct sut_digests *digests)
{
	return json_pack("{s:I, s:I, s:{s:s}}", "version", (json_int_t)version, "length",
			 (json_int_t)digests->size, "hashes", "sha256", digests->sha256);
}

static struct sut_err *describe_role(const struct publishing *p, size_t i, json_t *meta)
{
	const struct sut_metadata *metadata = after(p, i);
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
	_cleanup_free_ char *file = NULL;
	struct sut_digests digests;

	struct sut_err *err = sut_json_pretty(metadata->envelope, &text);
	if (!err)
		err = sut_digests_of(sut_buf_view(&text), &digests);
	if (!err && asprintf(&file, "%s.json", p->repository->entries[i].name) < 0)
		err = sut_err_nomem();
	return err ? err : sut_json_set(meta, file, describe(metadata->version, &digests));
}

/** Sign with the keys of both roots, check, and make the file's bytes. @p body is borrowed. */
static struct sut_err *seal(struct publishing *p, enum sut_metadata_type type, json_t *body,
			    struct sut_metadata *ret, struct sut_buf *text)
{
	const char *name = sut_metadata_type_name(type);
	json_t *envelope = json_pack("{s:O, s:[]}", "signed", body, "signatures");
	struct sut_tuf_role role;
	size_t n = 0;

	if (!envelope)
		return sut_err_nomem();
	struct sut_err *err = sut_metadata_init_json(envelope, type, ret);
	const struct sut_metadata *roots[] = { &p->repository->entries[0].published, after(p, 0) };
	for (size_t i = 0; !err && i < 2; i++)
		if (roots[i]->envelope && sut_metadata_role(roots[i], name, &role))
			err = sut_repository_sign_body(ret->envelope, p->signers, p->n_signers,
						       &role, &n);
	if (!err)
		err = check_under_roots(p, ret, name);
	return err ? err : sut_json_pretty(ret->envelope, text);
}

static bool needs_snapshot(const struct publishing *p)
{
	const struct sut_metadata *old = &p->repository->snapshot;
	struct sut_tuf_role role;
	int64_t n = 0;

	if (!old->envelope)
		return true;
	for (size_t i = 1; i < p->repository->n_entries; i++)
		if (is_chosen(p, &p->repository->entries[i]))
			return true;
	if (old->expires - sut_time_now() < sut_repository_period_of(p->repository, "snapshot") / 2)
		return true;
	struct sut_err *err = sut_metadata_role(after(p, 0), "snapshot", &role)
				      ? sut_metadata_count(old, &role, &n)
				      : NULL;
	bool is_needed = err || n < role.threshold;
	sut_err_free(err);
	return is_needed;
}

static struct sut_err *make_snapshot(struct publishing *p)
{
	const struct sut_metadata *old = &p->repository->snapshot;
	_cleanup_json_ json_t *body = NULL;
	int64_t version;

	if (!needs_snapshot(p))
		return check_under_roots(p, old, "snapshot");
	struct sut_err *err =
		sut_repository_next_version(p->repository, "snapshot", old->version, &version);
	if (!err)
		err = sut_repository_new_body(SUT_METADATA_SNAPSHOT, version,
					      sut_repository_period_of(p->repository, "snapshot"),
					      &body);
	// A role that was listed once stays listed: clients take anything else for an attack.
	if (!err && old->envelope)
		err = sut_json_set(body, "meta",
				   json_deep_copy(json_object_get(old->body, "meta")));
	for (size_t i = 1; !err && i < p->repository->n_entries; i++)
		if (is_chosen(p, &p->repository->entries[i]))
			err = describe_role(p, i, json_object_get(body, "meta"));
	return err ? err : seal(p, SUT_METADATA_SNAPSHOT, body, &p->snapshot, &p->snapshot_text);
}

static struct sut_err *make_timestamp(struct publishing *p)
{
	const struct sut_metadata *old = &p->repository->timestamp;
	_cleanup_json_ json_t *body = NULL;
	struct sut_digests digests;

	struct sut_err *err = sut_repository_new_body(
		SUT_METADATA_TIMESTAMP, old->version + 1,
		sut_repository_period_of(p->repository, "timestamp"), &body);
	if (!err && p->snapshot.envelope) {
		err = sut_digests_of(sut_buf_view(&p->snapshot_text), &digests);
		if (!err)
			err = sut_json_set(json_object_get(body, "meta"), "snapshot.json",
					   describe(p->snapshot.version, &digests));
	} else if (!err) {
		err = sut_json_set(body, "meta",
				   json_deep_copy(json_object_get(old->body, "meta")));
	}
	return err ? err : seal(p, SUT_METADATA_TIMESTAMP, body, &p->timestamp, &p->timestamp_text);
}

static struct sut_err *write_version(const struct publishing *p, const char *role, int64_t version,
				     struct sut_view text)
{
	_cleanup_free_ char *name = NULL;
	struct sut_err *err = sut_tuf_file_name(role, version, &name);

	return err ? err : sut_folder_write(p->repository->metadata, name, text);
}

static struct sut_err *write_role(const struct publishing *p, size_t i)
{
	const struct sut_repository_entry *entry = &p->repository->entries[i];
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
	struct sut_err *err = NULL;

	if (!is_chosen(p, entry))
		return NULL;
	err = each_file(p, &entry->staged, true);
	if (!err)
		err = sut_json_pretty(entry->staged.envelope, &text);
	return err ? err
		   : write_version(p, entry->name, entry->staged.version, sut_buf_view(&text));
}

// Each write leaves a repository that is valid: nothing names a file that is not there yet.
static struct sut_err *write_all(const struct publishing *p)
{
	struct sut_err *err = NULL;

	for (size_t i = 1; !err && i < p->repository->n_entries; i++)
		err = write_role(p, i);
	if (!err && p->snapshot.envelope)
		err = write_version(p, "snapshot", p->snapshot.version,
				    sut_buf_view(&p->snapshot_text));
	if (!err && p->is_root_first)
		err = write_role(p, 0);
	if (!err)
		err = write_version(p, "timestamp", 0, sut_buf_view(&p->timestamp_text));
	if (!err && !p->is_root_first)
		err = write_role(p, 0);
	return err;
}

/** What was staged is published now, in memory and in the folder. */
static struct sut_err *settle(struct publishing *p)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; !err && i < p->repository->n_entries; i++) {
		struct sut_repository_entry *entry = &p->repository->entries[i];
		_cleanup_free_ char *name = NULL;
		if (!is_chosen(p, entry))
			continue;
		err = sut_tuf_file_name(entry->name, 0, &name);
		if (!err)
			err = sut_folder_remove(p->repository->staged, name);
		sut_metadata_deinit(&entry->published);
		entry->published = entry->staged;
		entry->staged = (struct sut_metadata){ 0 };
	}
	if (p->snapshot.envelope) {
		sut_metadata_deinit(&p->repository->snapshot);
		p->repository->snapshot = p->snapshot;
		p->snapshot = (struct sut_metadata){ 0 };
	}
	sut_metadata_deinit(&p->repository->timestamp);
	p->repository->timestamp = p->timestamp;
	p->timestamp = (struct sut_metadata){ 0 };
	return err;
}

struct sut_err *sut_repository_publish(struct sut_repository *repository,
				       const struct sut_signer *const *signers, size_t n_signers,
				       const char *const *roles)
{
	_cleanup_(end_publishing) struct publishing p = {
		.repository = repository,
		.signers = signers,
		.n_signers = n_signers,
		.roles = roles,
	};
	struct sut_err *err = check_root(&p);

	if (!err && !after(&p, 1)->envelope)
		err = sut_err(SUT_E_USAGE, "role targets was never published; publish it too");
	if (!err)
		err = check_under_roots(&p, after(&p, 1), "targets");
	if (!err)
		err = check_delegated(&p);
	if (!err)
		err = check_chosen(&p);
	if (!err)
		err = make_snapshot(&p);
	if (!err)
		err = make_timestamp(&p);
	if (!err)
		err = write_all(&p);
	return err ? err : settle(&p);
}

static struct sut_err *fill_row(struct sut_repository *repository, const char *name,
				const struct sut_metadata *published,
				const struct sut_metadata *staged, struct sut_repository_row *ret)
{
	const struct sut_metadata *latest = staged && staged->envelope ? staged : published;
	struct sut_tuf_role role;

	*ret = (struct sut_repository_row){
		.name = name,
		.version = published->version,
		.expires = published->expires,
		.staged_version = staged ? staged->version : 0,
		.staged_expires = staged ? staged->expires : 0,
		.n_targets = json_object_size(json_object_get(latest->body, "targets")),
	};
	if (!sut_repository_signers_of(repository, name, true, &role))
		return NULL;
	ret->threshold = role.threshold;
	ret->n_keys = json_array_size(role.keyids);
	return latest->envelope ? sut_metadata_count(latest, &role, &ret->n_signed) : NULL;
}

struct sut_err *sut_repository_rows(struct sut_repository *repository,
				    struct sut_repository_row **ret, size_t *n_ret)
{
	size_t n = 0;
	_cleanup_free_ struct sut_repository_row *rows =
		calloc(repository->n_entries + 2, sizeof(*rows));
	struct sut_err *err = NULL;

	if (!rows)
		return sut_err_nomem();
	for (; !err && n < repository->n_entries; n++) {
		const struct sut_repository_entry *entry = &repository->entries[n];
		err = fill_row(repository, entry->name, &entry->published, &entry->staged,
			       &rows[n]);
	}
	if (!err)
		err = fill_row(repository, "snapshot", &repository->snapshot, NULL, &rows[n++]);
	if (!err)
		err = fill_row(repository, "timestamp", &repository->timestamp, NULL, &rows[n++]);
	if (err)
		return err;
	*ret = steal(rows);
	*n_ret = n;
	return NULL;
}
