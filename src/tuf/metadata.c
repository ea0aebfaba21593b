// SPDX-License-Identifier: Apache-2.0
#include "tuf/metadata.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/time.h"
#include "tuf/canonical.h"

static const char *const type_names[] = {
	[SUT_METADATA_ROOT] = "root",
	[SUT_METADATA_TIMESTAMP] = "timestamp",
	[SUT_METADATA_SNAPSHOT] = "snapshot",
	[SUT_METADATA_TARGETS] = "targets",
};

const char *sut_metadata_type_name(enum sut_metadata_type type)
{
	return type_names[type];
}

static struct sut_err *malformed(const char *what)
{
	return sut_err(SUT_E_FORMAT, "malformed: %s", what);
}

/** Is it an array of texts, none of them twice? */
static bool is_set_of_texts(const json_t *array)
{
	_cleanup_json_ json_t *seen = json_object();

	if (!seen || !json_is_array(array))
		return false;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));
		if (!text || json_object_get(seen, text) ||
		    json_object_set_new(seen, text, json_true()) < 0)
			return false;
	}
	return true;
}

static struct sut_err *check_signatures(const json_t *envelope)
{
	const json_t *signatures = json_object_get(envelope, "signatures");
	_cleanup_json_ json_t *seen = json_object();

	if (!seen)
		return sut_err_nomem();
	if (!json_is_array(signatures))
		return malformed("\"signatures\" is no array");
	for (size_t i = 0; i < json_array_size(signatures); i++) {
		const json_t *one = json_array_get(signatures, i);
		const char *id = sut_json_member(one, "keyid");
		if (!id || !sut_json_member(one, "sig"))
			return malformed("a signature has no \"keyid\" or no \"sig\"");
		if (json_object_get(seen, id))
			return malformed("two signatures have the same key id");
		if (json_object_set_new(seen, id, json_true()) < 0)
			return sut_err_nomem();
	}
	return NULL;
}

static struct sut_err *check_keys(const json_t *keys)
{
	if (!json_is_object(keys))
		return malformed("\"keys\" is no object");
	for (void *at = json_object_iter((json_t *)keys); at;
	     at = json_object_iter_next((json_t *)keys, at)) {
		const json_t *key = json_object_iter_value(at);
		if (!sut_json_member(key, "keytype") || !sut_json_member(key, "scheme") ||
		    !json_is_object(json_object_get(key, "keyval")))
			return malformed("a key has no keytype, scheme or keyval");
	}
	return NULL;
}

static struct sut_err *check_role(const json_t *role)
{
	if (!is_set_of_texts(json_object_get(role, "keyids")))
		return malformed("the \"keyids\" of a role are no list of different ids");
	if (json_integer_value(json_object_get(role, "threshold")) < 1)
		return malformed("the \"threshold\" of a role is not at least 1");
	return NULL;
}

static struct sut_err *check_root(const json_t *body)
{
	const json_t *consistent = json_object_get(body, "consistent_snapshot");
	struct sut_err *err = check_keys(json_object_get(body, "keys"));

	for (size_t i = 0; !err && i < sizeof(type_names) / sizeof(type_names[0]); i++)
		err = check_role(json_object_get(json_object_get(body, "roles"), type_names[i]));
	if (!err && consistent && !json_is_boolean(consistent))
		err = malformed("\"consistent_snapshot\" is no boolean");
	return err;
}

/** Members "length" and "hashes", which may be left out unless @p is_needed. */
static bool is_file_info(const json_t *info, bool is_needed)
{
	const json_t *length = json_object_get(info, "length");
	const json_t *digests = json_object_get(info, "hashes");

	if (length ? json_integer_value(length) < 0 || !json_is_integer(length) : is_needed)
		return false;
	if (!digests)
		return !is_needed;
	if (!json_is_object(digests) || json_object_size(digests) == 0)
		return false;
	for (void *at = json_object_iter((json_t *)digests); at;
	     at = json_object_iter_next((json_t *)digests, at))
		if (!json_is_string(json_object_iter_value(at)))
			return false;
	return true;
}

static struct sut_err *check_meta(const json_t *body)
{
	const json_t *meta = json_object_get(body, "meta");

	if (!json_is_object(meta))
		return malformed("\"meta\" is no object");
	for (void *at = json_object_iter((json_t *)meta); at;
	     at = json_object_iter_next((json_t *)meta, at)) {
		const json_t *info = json_object_iter_value(at);
		if (json_integer_value(json_object_get(info, "version")) < 1 ||
		    !is_file_info(info, false))
			return malformed("version, length or hashes in \"meta\"");
	}
	return NULL;
}

static struct sut_err *check_timestamp(const json_t *body)
{
	struct sut_err *err = check_meta(body);

	if (!err && !json_object_get(json_object_get(body, "meta"), "snapshot.json"))
		err = malformed("it does not say which snapshot");
	return err;
}

static bool is_top_level(const char *name)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++)
		if (strcmp(name, type_names[i]) == 0)
			return true;
	return false;
}

static bool is_array_of_texts_or_absent(const json_t *array)
{
	if (array && !json_is_array(array))
		return false;
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!json_is_string(json_array_get(array, i)))
			return false;
	return true;
}

static struct sut_err *check_delegation(const json_t *delegation, json_t *seen)
{
	const char *name = sut_json_member(delegation, "name");
	const json_t *paths = json_object_get(delegation, "paths");
	const json_t *prefixes = json_object_get(delegation, "path_hash_prefixes");
	struct sut_err *err = check_role(delegation);

	if (err)
		return err;
	// A name that is longer makes no file name once it is percent-encoded.
	if (!name || !*name || strlen(name) > 64 || is_top_level(name))
		return malformed("the name of a delegated role");
	if (json_object_get(seen, name))
		return malformed("a role is delegated to twice");
	if (!json_is_boolean(json_object_get(delegation, "terminating")))
		return malformed("a delegation has no \"terminating\"");
	if ((paths && prefixes) || !is_array_of_texts_or_absent(paths) ||
	    !is_array_of_texts_or_absent(prefixes))
		return malformed("the paths of a delegation");
	return sut_json_set(seen, name, json_true());
}

static struct sut_err *check_delegations(const json_t *delegations)
{
	const json_t *roles = json_object_get(delegations, "roles");
	_cleanup_json_ json_t *seen = json_object();
	struct sut_err *err = check_keys(json_object_get(delegations, "keys"));

	if (!seen)
		err = err ? err : sut_err_nomem();
	if (!err && !json_is_array(roles))
		err = malformed("the \"roles\" of the delegations are no array");
	for (size_t i = 0; !err && i < json_array_size(roles); i++)
		err = check_delegation(json_array_get(roles, i), seen);
	return err;
}

static struct sut_err *check_targets(const json_t *body)
{
	const json_t *targets = json_object_get(body, "targets");
	const json_t *delegations = json_object_get(body, "delegations");

	if (!json_is_object(targets))
		return malformed("\"targets\" is no object");
	for (void *at = json_object_iter((json_t *)targets); at;
	     at = json_object_iter_next((json_t *)targets, at)) {
		const json_t *info = json_object_iter_value(at);
		const json_t *custom = json_object_get(info, "custom");
		if (!is_file_info(info, true) || (custom && !json_is_object(custom)))
			return malformed("length, hashes or custom of a target");
	}
	return delegations ? check_delegations(delegations) : NULL;
}

/** What all types have. */
static struct sut_err *check_common(struct sut_metadata *metadata)
{
	const json_t *body = metadata->body;
	const char *type = sut_json_member(body, "_type");
	const char *spec = sut_json_member(body, "spec_version");
	const char *expires = sut_json_member(body, "expires");

	if (!json_is_object(body))
		return malformed("there is no \"signed\"");
	if (!type || strcmp(type, type_names[metadata->type]) != 0)
		return sut_err(SUT_E_FORMAT, "malformed: it is of type \"%s\", not \"%s\"",
			       type ? type : "", type_names[metadata->type]);
	if (!spec)
		return malformed("there is no \"spec_version\"");
	if (strncmp(spec, "1.", 2) != 0)
		return sut_err(SUT_E_UNSUPPORTED, "it is written for TUF %s, and this reads TUF 1",
			       spec);
	metadata->version = json_integer_value(json_object_get(body, "version"));
	if (metadata->version < 1)
		return malformed("the \"version\" is not at least 1");
	if (!expires || !sut_time_parse(expires, &metadata->expires))
		return malformed("\"expires\" is no time like 2026-11-10T12:00:00Z");
	return NULL;
}

struct sut_err *sut_metadata_init_json(json_t *envelope, enum sut_metadata_type type,
				       struct sut_metadata *ret)
{
	static struct sut_err *(*const check[])(const json_t *) = {
		[SUT_METADATA_ROOT] = check_root,
		[SUT_METADATA_TIMESTAMP] = check_timestamp,
		[SUT_METADATA_SNAPSHOT] = check_meta,
		[SUT_METADATA_TARGETS] = check_targets,
	};
	_cleanup_(sut_metadata_deinit) struct sut_metadata metadata = {
		.envelope = envelope,
		.body = json_object_get(envelope, "signed"),
		.type = type,
	};
	struct sut_err *err = check_signatures(envelope);

	if (!err)
		err = check_common(&metadata);
	if (!err)
		err = check[type](metadata.body);
	if (err)
		return err;
	*ret = metadata;
	metadata = (struct sut_metadata){ 0 };
	return NULL;
}

struct sut_err *sut_metadata_init(struct sut_view bytes, enum sut_metadata_type type,
				  struct sut_metadata *ret)
{
	json_t *envelope;
	struct sut_err *err = sut_json_parse(bytes, &envelope);

	return err ? err : sut_metadata_init_json(envelope, type, ret);
}

void sut_metadata_deinit(struct sut_metadata *metadata)
{
	json_decref(metadata->envelope);
	*metadata = (struct sut_metadata){ 0 };
}

static void read_role(const char *name, const json_t *keys, const json_t *role,
		      struct sut_tuf_role *ret)
{
	*ret = (struct sut_tuf_role){
		.name = name,
		.keys = keys,
		.keyids = json_object_get(role, "keyids"),
		.threshold = json_integer_value(json_object_get(role, "threshold")),
	};
}

bool sut_metadata_role(const struct sut_metadata *delegator, const char *name,
		       struct sut_tuf_role *ret)
{
	if (delegator->type == SUT_METADATA_ROOT) {
		const json_t *role =
			json_object_get(json_object_get(delegator->body, "roles"), name);
		if (!role || !is_top_level(name))
			return false;
		read_role(name, json_object_get(delegator->body, "keys"), role, ret);
		return true;
	}
	for (size_t i = 0; i < sut_metadata_n_delegations(delegator); i++) {
		struct sut_tuf_delegation delegation;
		sut_metadata_delegation(delegator, i, &delegation);
		if (strcmp(delegation.role.name, name) == 0) {
			*ret = delegation.role;
			return true;
		}
	}
	return false;
}

bool sut_metadata_expected(const struct sut_metadata *metadata, const char *name,
			   struct sut_tuf_expected *ret)
{
	_cleanup_free_ char *file = NULL;

	if (asprintf(&file, "%s.json", name) < 0) {
		file = NULL;
		return false;
	}
	const json_t *info = json_object_get(json_object_get(metadata->body, "meta"), file);
	if (!info)
		return false;
	const json_t *length = json_object_get(info, "length");
	const json_t *digests = json_object_get(info, "hashes");
	*ret = (struct sut_tuf_expected){
		.version = json_integer_value(json_object_get(info, "version")),
		.size = length ? json_integer_value(length) : -1,
		.sha256 = sut_json_member(digests, "sha256"),
		.sha512 = sut_json_member(digests, "sha512"),
		.has_digests = digests != NULL,
	};
	return true;
}

bool sut_metadata_target(const struct sut_metadata *metadata, const char *path,
			 struct sut_tuf_target *ret)
{
	json_t *targets = json_object_get(metadata->body, "targets");
	const json_t *info = json_object_get(targets, path);
	const json_t *digests = json_object_get(info, "hashes");

	if (!info)
		return false;
	*ret = (struct sut_tuf_target){
		// The metadata's own text, which lives as long as it does.
		.path = json_object_iter_key(json_object_iter_at(targets, path)),
		.file = { .size = json_integer_value(json_object_get(info, "length")),
			  .sha256 = sut_json_member(digests, "sha256"),
			  .sha512 = sut_json_member(digests, "sha512"),
			  .has_digests = true },
		.custom = json_object_get(info, "custom"),
	};
	return true;
}

static const json_t *delegated_roles(const struct sut_metadata *metadata)
{
	return json_object_get(json_object_get(metadata->body, "delegations"), "roles");
}

size_t sut_metadata_n_delegations(const struct sut_metadata *metadata)
{
	return json_array_size(delegated_roles(metadata));
}

void sut_metadata_delegation(const struct sut_metadata *metadata, size_t i,
			     struct sut_tuf_delegation *ret)
{
	const json_t *delegations = json_object_get(metadata->body, "delegations");
	const json_t *one = json_array_get(delegated_roles(metadata), i);

	*ret = (struct sut_tuf_delegation){
		.is_terminating = json_is_true(json_object_get(one, "terminating")),
		.paths = json_object_get(one, "paths"),
		.prefixes = json_object_get(one, "path_hash_prefixes"),
	};
	read_role(sut_json_member(one, "name"), json_object_get(delegations, "keys"), one,
		  &ret->role);
}
