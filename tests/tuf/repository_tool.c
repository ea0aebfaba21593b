// SPDX-License-Identifier: Apache-2.0
/**
 * tuf-repository: the library's writing side for the tests, without passphrases and questions
 *
 *     tuf-repository REPO KEYS init PERIOD      keys (KEYS/NAME.key) and an unpublished repository;
 *                                               signatures hold PERIOD seconds
 *     ... add ROLE PATH TEXT | remove ROLE PATH
 *     ... sign KEY... | publish KEY... | all    all: signs with every key and publishes
 *     ... key NAME                              makes another key, prints its id
 *     ... add-key ROLE KEY | remove-key ROLE KEY
 *     ... export ROLE FILE | import FILE | sign-file FILE KEY...
 *     ... forge FILE ID=KEY...                  signs any JSON as an attacker with these keys would
 *     ... status                                ROLE VERSION STAGED SIGNED/THRESHOLD
 *
 * Roles: root (2 of root1 root2), targets, snapshot, timestamp (online), hotpatches (2 of release1
 * release2), rollouts (hub).
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "tuf/canonical.h"
#include "tuf/repository.h"
#include "tuf/signer.h"

#define MAX_KEYS 32

static const char *const initial[] = { "root1",    "root2",    "targets", "online",
				       "release1", "release2", "hub" };

/** What the command line names. */
struct tool {
	const char *path, *keys;
	char **words;
	int n;
	struct sut_signer *signers[MAX_KEYS];
	size_t n_signers;
};

static struct sut_err *key_path(const struct tool *t, const char *name, char **ret)
{
	return asprintf(ret, "%s/%s.key", t->keys, name) < 0 ? sut_err_nomem() : NULL;
}

static struct sut_err *load(struct tool *t, const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct sut_err *err = key_path(t, name, &path);

	if (!err && t->n_signers == MAX_KEYS)
		err = sut_err(SUT_E_USAGE, "over %d keys", MAX_KEYS);
	if (!err)
		err = sut_signer_read(path, NULL, &t->signers[t->n_signers]);
	if (!err)
		t->n_signers++;
	return err;
}

static struct sut_err *load_words(struct tool *t, int first)
{
	struct sut_err *err = NULL;

	for (int i = first; !err && i < t->n; i++)
		err = load(t, t->words[i]);
	return err;
}

static struct sut_err *load_all(struct tool *t)
{
	DIR *folder = opendir(t->keys);
	struct sut_err *err = NULL;

	if (!folder)
		return sut_err(SUT_E_USAGE, "%s: no keys", t->keys);
	for (struct dirent *entry = readdir(folder); !err && entry; entry = readdir(folder)) {
		char *dot = strstr(entry->d_name, ".key");
		if (!dot)
			continue;
		*dot = '\0';
		err = load(t, entry->d_name);
	}
	closedir(folder);
	return err;
}

static struct sut_err *make_key(struct tool *t, const char *name, bool is_printed)
{
	_cleanup_(sut_signer_freep) struct sut_signer *signer = NULL;
	_cleanup_free_ char *path = NULL;
	struct sut_err *err = sut_signer_new(&signer);

	if (!err)
		err = key_path(t, name, &path);
	if (!err)
		err = sut_signer_write(signer, path, NULL);
	if (!err && is_printed)
		printf("%s\n", sut_signer_id(signer));
	return err;
}

static struct sut_err *init(struct tool *t)
{
	static const char *const hotpatches[] = { "hotpatches/*", "hotpatches/*/*", NULL };
	static const char *const rollouts[] = { "rollouts/*", NULL };
	const int64_t period = atol(t->words[1]);
	const json_t *keys[7];
	struct sut_err *err = NULL;

	for (size_t i = 0; !err && i < 7; i++) {
		err = make_key(t, initial[i], false);
		if (!err)
			err = load(t, initial[i]);
		if (!err)
			keys[i] = sut_signer_public(t->signers[i]);
	}
	const struct sut_repository_role roles[] = {
		{ "root", &keys[0], 2, 2, period, NULL },
		{ "targets", &keys[2], 1, 1, period, NULL },
		{ "snapshot", &keys[3], 1, 1, period, NULL },
		{ "timestamp", &keys[3], 1, 1, period, NULL },
		{ "hotpatches", &keys[4], 2, 2, period, hotpatches },
		{ "rollouts", &keys[6], 1, 1, period, rollouts },
	};
	return err ? err : sut_repository_create(t->path, roles, 6);
}

/** Sign {"signed": …} in a file as it is, under any ids; older signatures go. */
static struct sut_err *forge(struct tool *t)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	_cleanup_(sut_buf_deinit) struct sut_buf message = { 0 }, text = { 0 };
	_cleanup_json_ json_t *json = NULL;
	struct sut_err *err = sut_file_read(t->words[1], &file);

	if (!err)
		err = sut_json_parse(file.view, &json);
	if (!err)
		err = sut_json_canonical(json_object_get(json, "signed"), &message);
	if (!err)
		err = sut_json_set(json, "signatures", json_array());
	for (int i = 2; !err && i < t->n; i++) {
		uint8_t signature[SUT_ED25519_SIGNATURE];
		char hex[2 * SUT_ED25519_SIGNATURE + 1];
		char *name = strchr(t->words[i], '=');
		*name++ = '\0';
		err = load(t, name);
		if (err)
			break;
		sut_signer_sign(t->signers[t->n_signers - 1], sut_buf_view(&message), signature);
		sut_hex((struct sut_view){ signature, sizeof(signature) }, hex);
		err = sut_json_append(json_object_get(json, "signatures"),
				      json_pack("{s:s, s:s}", "keyid", t->words[i], "sig", hex));
	}
	if (!err)
		err = sut_json_pretty(json, &text);
	return err ? err : sut_file_write(t->words[1], sut_buf_view(&text));
}

static struct sut_err *status(struct sut_repository *repository)
{
	_cleanup_free_ struct sut_repository_row *rows = NULL;
	size_t n = 0;
	struct sut_err *err = sut_repository_rows(repository, &rows, &n);

	for (size_t i = 0; i < n; i++)
		printf("%s %" PRId64 " %" PRId64 " %" PRId64 "/%" PRId64 "\n", rows[i].name,
		       rows[i].version, rows[i].staged_version, rows[i].n_signed,
		       rows[i].threshold);
	return err;
}

static struct sut_err *sign(struct tool *t, struct sut_repository *repository)
{
	size_t n;

	return sut_repository_sign(repository, (const struct sut_signer **)t->signers, t->n_signers,
				   NULL, &n);
}

static struct sut_err *publish(struct tool *t, struct sut_repository *repository)
{
	return sut_repository_publish(repository, (const struct sut_signer **)t->signers,
				      t->n_signers, NULL);
}

static struct sut_err *change_key(struct tool *t, struct sut_repository *repository)
{
	struct sut_err *err = load(t, t->words[2]);

	if (err)
		return err;
	if (strcmp(t->words[0], "add-key") == 0)
		return sut_repository_add_key(repository, t->words[1],
					      sut_signer_public(t->signers[0]), 0);
	return sut_repository_remove_key(repository, t->words[1], sut_signer_id(t->signers[0]), 0);
}

static struct sut_err *with_repository(struct tool *t, struct sut_repository *repository)
{
	const char *command = t->words[0];
	struct sut_err *err;
	size_t n;

	if (strcmp(command, "add") == 0 && t->n == 4)
		return sut_repository_add(
			repository, t->words[1], t->words[2],
			(struct sut_view){ (uint8_t *)t->words[3], strlen(t->words[3]) }, NULL);
	if (strcmp(command, "remove") == 0 && t->n == 3)
		return sut_repository_remove(repository, t->words[1], t->words[2], NULL);
	if (strcmp(command, "export") == 0 && t->n == 3)
		return sut_repository_export(repository, t->words[1], t->words[2]);
	if (strcmp(command, "import") == 0 && t->n == 2)
		return sut_repository_import(repository, t->words[1], &n);
	if (strcmp(command, "status") == 0)
		return status(repository);
	if (strstr(command, "-key") && t->n == 3)
		return change_key(t, repository);
	bool is_all = strcmp(command, "all") == 0;
	err = is_all ? load_all(t) : load_words(t, 1);
	if (!err && (is_all || strcmp(command, "sign") == 0))
		err = sign(t, repository);
	if (!err && (is_all || strcmp(command, "publish") == 0))
		err = publish(t, repository);
	return err;
}

static struct sut_err *run(struct tool *t)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
	const char *command = t->words[0];

	if (strcmp(command, "init") == 0 && t->n == 2)
		return init(t);
	if (strcmp(command, "key") == 0 && t->n == 2)
		return make_key(t, t->words[1], true);
	if (strcmp(command, "forge") == 0 && t->n >= 2)
		return forge(t);
	if (strcmp(command, "sign-file") == 0 && t->n >= 2) {
		struct sut_err *err = load_words(t, 2);
		return err ? err
			   : sut_repository_sign_file(t->words[1],
						      (const struct sut_signer **)t->signers,
						      t->n_signers);
	}
	struct sut_err *err = sut_repository_open(t->path, &repository);
	return err ? err : with_repository(t, repository);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "see the first lines of tests/tuf/repository_tool.c\n");
		return 2;
	}
	struct tool t = { .path = argv[1], .keys = argv[2], .words = argv + 3, .n = argc - 3 };
	struct sut_err *err = run(&t);

	for (size_t i = 0; i < t.n_signers; i++)
		sut_signer_free(t.signers[i]);
	if (err)
		fprintf(stderr, "%s: %s\n", sut_code_name(err->code), err->msg);
	int failed = err ? 1 : 0;
	sut_err_free(err);
	return failed;
}
