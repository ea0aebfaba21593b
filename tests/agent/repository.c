// SPDX-License-Identifier: Apache-2.0

/**
 * A repository for tests, with one key for everything
 *
 *     agent-repository FOLDER init
 *     agent-repository FOLDER put ROLE PATH FILE      staged
 *     agent-repository FOLDER remove ROLE PATH        staged
 *     agent-repository FOLDER publish
 *
 * The key is FOLDER.key.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuf/repository.h"
#include "tuf/signer.h"

static const char *const baselines[] = { "baselines/*", NULL };
static const char *const hotpatches[] = { "hotpatches/*", "hotpatches/*/*", NULL };
static const char *const rollouts[] = { "rollouts/*", NULL };
static const char *const revocations[] = { "revocations/*", NULL };

static struct sut_err *create(const char *folder, const struct sut_signer *signer)
{
	const json_t *keys[] = { sut_signer_public(signer) };
	const struct {
		const char *name;
		const char *const *paths;
	} names[] = { { "root", NULL },           { "targets", NULL },
		      { "snapshot", NULL },       { "timestamp", NULL },
		      { "baselines", baselines }, { "hotpatches", hotpatches },
		      { "rollouts", rollouts },   { "revocations", revocations } };
	enum { N = sizeof(names) / sizeof(names[0]) };
	struct sut_repository_role roles[N];

	for (size_t i = 0; i < N; i++)
		roles[i] = (struct sut_repository_role){ .name = names[i].name,
							 .keys = keys,
							 .n_keys = 1,
							 .threshold = 1,
							 .period = 86400 * 30,
							 .paths = names[i].paths };
	return sut_repository_create(folder, roles, N);
}

static struct sut_err *change(struct sut_repository *repository, int argc, char **argv)
{
	struct sut_file file;

	if (strcmp(argv[2], "remove") == 0 && argc == 5)
		return sut_repository_remove(repository, argv[3], argv[4], NULL);
	if (strcmp(argv[2], "put") != 0 || argc != 6)
		return NULL;
	struct sut_err *err = sut_file_read(argv[5], &file);
	if (!err) {
		err = sut_repository_add(repository, argv[3], argv[4], file.view, NULL);
		sut_file_deinit(&file);
	}
	return err;
}

static struct sut_err *publish(struct sut_repository *repository, const struct sut_signer *signer)
{
	size_t n;
	struct sut_err *err = sut_repository_sign(repository, &signer, 1, NULL, &n);

	return err ? err : sut_repository_publish(repository, &signer, 1, NULL);
}

static struct sut_err *run(int argc, char **argv)
{
	char key[4096];
	struct sut_signer *signer = NULL;
	struct sut_repository *repository = NULL;
	bool is_first = strcmp(argv[2], "init") == 0;
	struct sut_err *err;

	snprintf(key, sizeof(key), "%s.key", argv[1]);
	err = is_first ? sut_signer_new(&signer) : sut_signer_read(key, NULL, &signer);
	if (!err && is_first)
		err = sut_signer_write(signer, key, NULL);
	if (!err && is_first)
		err = create(argv[1], signer);
	if (!err)
		err = sut_repository_open(argv[1], &repository);
	if (!err)
		err = change(repository, argc, argv);
	if (!err && (is_first || strcmp(argv[2], "publish") == 0))
		err = publish(repository, signer);
	sut_repository_close(repository);
	sut_signer_free(signer);
	return err;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs("usage: agent-repository FOLDER init|put|remove|publish ...\n", stderr);
		return 2;
	}
	struct sut_err *err = run(argc, argv);
	if (err)
		fprintf(stderr, "agent-repository: %s\n", err->msg);
	return err ? 1 : 0;
}
