// SPDX-License-Identifier: Apache-2.0

/**
 * suture repo init, sign, key list, key add, key rotate
 */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "cli/repo_keys.h"
#include "cli/repo_settings.h"
#include "cli/ui.h"
#include "fleet/date.h"
#include "fleet/shape.h"
#include "tuf/repository.h"
#include "tuf/signer.h"

/** A role of a new repository. The numbers are what it gets unless somebody says other. */
struct role {
	const char *name;
	const char *const *paths;
	long n_keys, threshold, days;
};

// The days are how long an attacker may hold a device at an old state: short for what is
// signed on line, long for what somebody has to unlock.
static const struct role usual_roles[] = {
	{ "root", NULL, 1, 1, 365 },
	{ "targets", NULL, 1, 1, 365 },
	{ "baselines", (const char *const[]){ "baselines/*.json", NULL }, 1, 1, 365 },
	{ "hotpatches",
	  (const char *const[]){ "hotpatches/*.json", "hotpatches/*/*.hotpatch", NULL }, 1, 1,
	  365 },
	{ "revocations", (const char *const[]){ "revocations/*.json", NULL }, 1, 1, 365 },
	{ "rollouts", (const char *const[]){ "rollouts/*.json", NULL }, 1, 1, 365 },
	{ "snapshot", NULL, 1, 1, 30 },
	{ "timestamp", NULL, 1, 1, 7 },
};
#define N_ROLES (sizeof(usual_roles) / sizeof(*usual_roles))

static struct role *find_role(struct role *roles, const char *name, size_t size)
{
	for (size_t i = 0; i < N_ROLES; i++)
		if (strlen(roles[i].name) == size && memcmp(roles[i].name, name, size) == 0)
			return &roles[i];
	return NULL;
}

// ROLE=THRESHOLD/KEYS or ROLE=DAYS
static struct sut_err *read_role(const struct sut_repo_given *given, struct role *roles)
{
	const char *const option = given->option == SUT_REPO_ROLE ? "--role" : "--period";
	const char *equals = strchr(given->value, '=');
	struct role *role =
		equals ? find_role(roles, given->value, (size_t)(equals - given->value)) : NULL;
	int end = 0;

	if (!role)
		return sut_err(SUT_E_USAGE,
			       "%s %s: must name one of root, targets, baselines, hotpatches, "
			       "revocations, rollouts, snapshot, timestamp",
			       option, given->value);
	if (given->option == SUT_REPO_PERIOD)
		return sut_ui_number(equals + 1, "--period", 1, 3650, &role->days);
	if (sscanf(equals + 1, "%ld/%ld%n", &role->threshold, &role->n_keys, &end) < 2 ||
	    equals[1 + end] || role->threshold < 1 || role->n_keys < role->threshold ||
	    role->n_keys > 20)
		return sut_err(SUT_E_USAGE,
			       "--role %s: must be ROLE=THRESHOLD/KEYS, like root=2/3, and 20 keys "
			       "at most",
			       given->value);
	return NULL;
}

static struct sut_err *read_roles(const struct sut_repo_call *call, struct role *roles)
{
	struct sut_err *err = NULL;

	memcpy(roles, usual_roles, sizeof(usual_roles));
	for (size_t i = 0; i < call->n_given && !err; i++)
		if (call->given[i].option == SUT_REPO_ROLE ||
		    call->given[i].option == SUT_REPO_PERIOD)
			err = read_role(&call->given[i], roles);
	return err;
}

// Whoever serves the repository must not serve the keys.
static struct sut_err *check_keys_outside(const struct sut_repo_call *call)
{
	const char *keys = sut_repo_value(call, SUT_REPO_KEYS);
	char repository[PATH_MAX], folder[PATH_MAX];

	if (!keys)
		return sut_err(SUT_E_USAGE, "needs --keys KEYS, the folder for the key files");
	if (!realpath(call->path, repository) || !realpath(keys, folder))
		return strncmp(keys, call->path, strlen(call->path)) == 0 &&
				       keys[strlen(call->path)] == '/'
			       ? sut_err(SUT_E_USAGE,
					 "%s lies in the repository, which is served to "
					 "everybody: keep keys elsewhere",
					 keys)
			       : NULL;
	size_t size = strlen(repository);
	if (strncmp(folder, repository, size) == 0 && (folder[size] == '/' || !folder[size]))
		return sut_err(SUT_E_USAGE,
			       "%s lies in the repository, which is served to everybody: keep keys "
			       "elsewhere",
			       keys);
	return NULL;
}

/** All public keys of a new repository. Owns them. */
struct new_keys {
	json_t *list[N_ROLES][20];
	size_t n_made;
};

static void new_keys_deinit(struct new_keys *keys)
{
	for (size_t i = 0; i < N_ROLES; i++)
		for (size_t k = 0; k < 20; k++)
			json_decref(keys->list[i][k]);
}

static struct sut_err *make_keys(const struct sut_repo_call *call, const struct role *roles,
				 struct new_keys *ret)
{
	_cleanup_(sut_repo_keys_deinit) struct sut_repo_keys keys = { 0 };
	struct sut_err *err = NULL;

	for (size_t i = 0; i < N_ROLES; i++) {
		for (long k = 0; k < roles[i].n_keys && !err; k++) {
			bool was_made;
			err = sut_repo_keys_make(call, roles[i].name, (int)k + 1, &keys,
						 &ret->list[i][k], &was_made);
			ret->n_made += !err && was_made;
		}
	}
	return err;
}

static struct sut_err *create(const struct sut_repo_call *call, const struct role *roles,
			      const struct new_keys *keys)
{
	struct sut_repository_role list[N_ROLES];

	for (size_t i = 0; i < N_ROLES; i++)
		list[i] = (struct sut_repository_role){
			.name = roles[i].name,
			.keys = (const json_t *const *)keys->list[i],
			.n_keys = (size_t)roles[i].n_keys,
			.threshold = roles[i].threshold,
			.period = roles[i].days * SUT_DAY,
			.paths = roles[i].paths,
		};
	return sut_repository_create(call->path, list, N_ROLES);
}

static bool is_there(const char *path)
{
	_cleanup_free_ char *staged = NULL, *metadata = NULL;
	struct stat st;

	if (asprintf(&staged, "%s/staged/root.json", path) < 0 ||
	    asprintf(&metadata, "%s/metadata", path) < 0)
		return false;
	return stat(staged, &st) == 0 || stat(metadata, &st) == 0;
}

static struct sut_err *init_new(struct sut_repo_call *call, const struct sut_settings *settings)
{
	_cleanup_(new_keys_deinit) struct new_keys keys = { 0 };
	struct role roles[N_ROLES];
	struct sut_err *err = read_roles(call, roles);

	if (!err)
		err = make_keys(call, roles, &keys);
	if (!err && !call->is_dry)
		err = create(call, roles, &keys);
	if (!err && !call->is_dry)
		err = sut_settings_write(call->path, settings);
	if (!err)
		err = sut_repo_answer(call, "keys_made", json_integer((json_int_t)keys.n_made));
	if (err)
		return err;
	sut_repo_say(call, "%s%s: repository of %s with %zu roles; %zu keys %s in %s.",
		     call->is_dry ? "Would make " : "", call->path, settings->product, N_ROLES,
		     keys.n_made, call->is_dry ? "would be made" : "were made",
		     sut_repo_value(call, SUT_REPO_KEYS));
	sut_repo_say(call, "Next: suture repo baseline %s NAME PACKAGE.deb…", call->path);
	return NULL;
}

static struct sut_err *run_init(struct sut_repo_call *call)
{
	_cleanup_(sut_settings_deinit) struct sut_settings settings = { 0 };
	const char *product = sut_repo_value(call, SUT_REPO_PRODUCT);
	const bool was_there = is_there(call->path);
	struct sut_err *err = check_keys_outside(call);

	if (!err && (!product || !sut_name_check(product)))
		err = sut_err(SUT_E_USAGE, "needs --product NAME, a name like debian-12");
	if (!err)
		err = sut_settings_make(product, sut_repo_value(call, SUT_REPO_POLICY), &settings);
	if (!err)
		err = sut_repo_answer(call, "created", json_boolean(!was_there));
	if (err)
		return err;
	if (!was_there)
		return init_new(call, &settings);
	// A kill may have come between the two.
	if (!call->is_dry)
		err = sut_settings_write_missing(call->path, &settings);
	if (!err)
		sut_repo_say(call, "%s is a repository already; nothing to do.", call->path);
	return err;
}

static struct sut_err *sign_file(struct sut_repo_call *call)
{
	// Which role it is of, its keys tell: all are tried.
	static const char *const roles[] = { "root",        "targets",  "baselines", "hotpatches",
					     "revocations", "rollouts", NULL };
	_cleanup_(sut_repo_keys_deinit) struct sut_repo_keys keys = { 0 };
	const char *file = sut_repo_value(call, SUT_REPO_FILE);
	struct sut_err *err = sut_repo_keys_load(call, roles, &keys);

	if (!err && keys.n == 0)
		err = sut_err(SUT_E_USAGE, "%s: no key file ROLE.key is there",
			      sut_repo_value(call, SUT_REPO_KEYS));
	if (!err && !call->is_dry)
		err = sut_repository_sign_file(file, sut_repo_signers(&keys), keys.n);
	if (!err)
		sut_repo_say(call, "%s: %s by %zu keys.", file,
			     call->is_dry ? "would be signed" : "signed", keys.n);
	return err;
}

static struct sut_err *sign_import(struct sut_repo_call *call)
{
	size_t n_all = 0;
	struct sut_err *err = NULL;

	for (size_t i = 0; i < call->n_given && !err; i++) {
		size_t n = 0;
		if (call->given[i].option != SUT_REPO_IMPORT)
			continue;
		if (!call->is_dry)
			err = sut_repository_import(call->repository, call->given[i].value, &n);
		n_all += n;
	}
	if (!err)
		err = sut_repo_answer(call, "signatures", json_integer((json_int_t)n_all));
	if (!err)
		sut_repo_say(call, "%zu new signatures.", n_all);
	return err;
}

static struct sut_err *sign_export(struct sut_repo_call *call)
{
	const char *role = sut_repo_value(call, SUT_REPO_ROLE);
	const char *file = sut_repo_value(call, SUT_REPO_EXPORT);

	if (!role)
		return sut_err(SUT_E_USAGE, "--export needs --role ROLE: what is to be signed");
	struct sut_err *err =
		call->is_dry ? NULL : sut_repository_export(call->repository, role, file);
	if (!err)
		sut_repo_say(
			call,
			"%s: what role %s has staged. Sign it there with 'suture repo sign "
			"--file %s --keys KEYS', bring it back, and take it over with --import.",
			file, role, file);
	return err;
}

static struct sut_err *sign_here(struct sut_repo_call *call)
{
	_cleanup_(sut_repo_keys_deinit) struct sut_repo_keys keys = { 0 };
	_cleanup_free_ const char **roles = calloc(call->n_given + 1, sizeof(*roles));
	size_t n_roles = 0, n = 0;
	struct sut_err *err;

	if (!roles)
		return sut_err_nomem();
	for (size_t i = 0; i < call->n_given; i++)
		if (call->given[i].option == SUT_REPO_ROLE)
			roles[n_roles++] = call->given[i].value;
	err = n_roles ? sut_repo_keys_load(call, roles, &keys)
		      : sut_repo_keys_load_staged(call, NULL, &keys);
	if (!err && !call->is_dry)
		err = sut_repository_sign(call->repository, sut_repo_signers(&keys), keys.n,
					  n_roles ? roles : NULL, &n);
	if (!err)
		err = sut_repo_answer(call, "signatures", json_integer((json_int_t)n));
	if (!err)
		sut_repo_say(call, "%zu new signatures.", n);
	return err;
}

static struct sut_err *run_sign(struct sut_repo_call *call)
{
	if (sut_repo_has(call, SUT_REPO_FILE))
		return sign_file(call);
	if (sut_repo_has(call, SUT_REPO_IMPORT))
		return sign_import(call);
	if (sut_repo_has(call, SUT_REPO_EXPORT))
		return sign_export(call);
	return sign_here(call);
}

// The object that says which keys a role has, and the object of all keys beside it.
static const json_t *find_keys(const struct sut_repo_call *call, const char *role,
			       const json_t **all_ret)
{
	const json_t *root = sut_repository_body(call->repository, "root", false);
	const json_t *targets = sut_repository_body(call->repository, "targets", false);
	const json_t *delegations = json_object_get(targets, "delegations");
	const json_t *found = json_object_get(json_object_get(root, "roles"), role);
	json_t *one;
	size_t i;

	*all_ret = json_object_get(found ? root : delegations, "keys");
	json_array_foreach(json_object_get(delegations, "roles"), i,
			   one) if (!found &&
				    strcmp(json_string_value(json_object_get(one, "name")), role) ==
					    0) found = one;
	return found;
}

static struct sut_err *list_role(struct sut_repo_call *call, const char *role,
				 struct sut_table *table, json_t *list)
{
	const json_t *all, *keys = find_keys(call, role, &all);
	json_int_t threshold = json_integer_value(json_object_get(keys, "threshold"));
	struct sut_err *err = NULL;
	json_t *id;
	size_t i;

	json_array_foreach(json_object_get(keys, "keyids"), i, id)
	{
		const char *text = json_string_value(id);
		const char *kind =
			json_string_value(json_object_get(json_object_get(all, text), "keytype"));
		char number[24];
		snprintf(number, sizeof(number), "%lld", (long long)threshold);
		const char *const cells[] = { role, text, kind ? kind : "", number };
		if (!err)
			err = sut_table_row(table, cells);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:I}", "role", role, "id",
						      text, "type", kind, "threshold", threshold));
	}
	return err;
}

static struct sut_err *run_key_list(struct sut_repo_call *call)
{
	static const struct sut_column columns[] = {
		{ "ROLE", SUT_COLUMN_TEXT },
		{ "KEY", SUT_COLUMN_TEXT },
		{ "TYPE", SUT_COLUMN_TEXT },
		{ "THRESHOLD", SUT_COLUMN_NUMBER },
		{ NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	json_t *list = json_array();
	struct sut_err *err = sut_table_new(columns, &table);

	for (size_t i = 0; i < N_ROLES && !err; i++)
		err = list_role(call, usual_roles[i].name, table, list);
	if (err) {
		json_decref(list);
		return err;
	}
	err = sut_repo_answer(call, "keys", list);
	return err || call->is_json ? err : sut_table_print(table);
}

static struct sut_err *read_threshold(const struct sut_repo_call *call, long *ret)
{
	const char *text = sut_repo_value(call, SUT_REPO_THRESHOLD);

	*ret = 0;
	return text ? sut_ui_number(text, "--threshold", 1, 20, ret) : NULL;
}

static struct sut_err *check_role(struct sut_repo_call *call, const char *role)
{
	const json_t *all;

	if (find_keys(call, role, &all))
		return NULL;
	return sut_err(SUT_E_USAGE,
		       "'%s' is not a role of the repository; see 'suture repo status'", role);
}

// A public key for role @p role: from --public, or one that is made.
static struct sut_err *new_key(const struct sut_repo_call *call, const char *role, json_t **ret)
{
	_cleanup_(sut_repo_keys_deinit) struct sut_repo_keys keys = { 0 };
	const char *file = sut_repo_value(call, SUT_REPO_PUBLIC);
	bool was_made;
	int n;

	if (file)
		return sut_signer_public_of(file, ret);
	struct sut_err *err = sut_repo_keys_count(call, role, &n);
	return err ? err : sut_repo_keys_make(call, role, n + 1, &keys, ret, &was_made);
}

static struct sut_err *tell_staged(struct sut_repo_call *call, const char *role, const json_t *key)
{
	char id[SUT_KEY_ID] = "";
	struct sut_err *err = key ? sut_key_id(key, id) : NULL;

	if (!err)
		err = sut_repo_answer(call, "key", json_string(id));
	if (!err)
		sut_repo_say(
			call,
			"Role %s: key %.16s… is staged. Publish it with the keys of %s, and keep "
			"the old files until then.",
			role, id, strcmp(role, "root") == 0 ? "root" : "root and targets");
	return err;
}

static struct sut_err *run_key_add(struct sut_repo_call *call)
{
	_cleanup_json_ json_t *key = NULL;
	const char *role = call->args[0];
	long threshold;
	struct sut_err *err = check_role(call, role);

	if (!err)
		err = read_threshold(call, &threshold);
	if (!err)
		err = new_key(call, role, &key);
	if (!err && !call->is_dry)
		err = sut_repository_add_key(call->repository, role, key, threshold);
	return err ? err : tell_staged(call, role, key);
}

static struct sut_err *run_key_rotate(struct sut_repo_call *call)
{
	_cleanup_json_ json_t *key = NULL, *old = NULL;
	const char *role = call->args[0];
	const json_t *all;
	json_t *id;
	size_t i;
	struct sut_err *err = check_role(call, role);

	if (!err)
		err = new_key(call, role, &key);
	if (err || call->is_dry)
		return err ? err : tell_staged(call, role, key);
	old = json_deep_copy(json_object_get(find_keys(call, role, &all), "keyids"));
	// The threshold becomes 1 with the new key, so that all others may go.
	err = sut_repository_add_key(call->repository, role, key, 1);
	json_array_foreach(old, i, id) if (!err) err =
		sut_repository_remove_key(call->repository, role, json_string_value(id), 1);
	return err ? err : tell_staged(call, role, key);
}

const struct sut_repo_command sut_repo_key_commands[] = {
	{ "init", "keys passphrase-file product policy role period dry-run", 0, 0, false,
	  run_init },
	{ "sign", "keys passphrase-file role export import file dry-run", 0, 0, true, run_sign },
	{ "key list", "", 0, 0, true, run_key_list },
	{ "key add", "keys passphrase-file public threshold dry-run", 1, 1, true, run_key_add },
	{ "key rotate", "keys passphrase-file public dry-run", 1, 1, true, run_key_rotate },
	{ NULL, NULL, 0, 0, false, NULL },
};
