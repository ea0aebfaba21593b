// SPDX-License-Identifier: Apache-2.0

/**
 * usage: hub-seed init REPO KEYS [SECONDS]
 *        hub-seed add REPO KEYS ROLE PATH FILE
 *
 * Makes a repository with one key without passphrase for each role, whose timestamp counts
 * for SECONDS (a day), or publishes FILE as the target PATH of ROLE, for tests of the hub.
 */

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "tuf/repository.h"
#include "tuf/signer.h"

static const char *const baselines[] = { "baselines/*.json", NULL };
static const char *const hotpatches[] = { "hotpatches/*.json", "hotpatches/*/*.hotpatch", NULL };
static const char *const revocations[] = { "revocations/*.json", NULL };
static const char *const rollouts[] = { "rollouts/*.json", NULL };

static struct sut_repository_role roles[] = {
	{ .name = "root" },
	{ .name = "targets" },
	{ .name = "snapshot" },
	{ .name = "timestamp" },
	{ .name = "baselines", .paths = baselines },
	{ .name = "hotpatches", .paths = hotpatches },
	{ .name = "revocations", .paths = revocations },
	{ .name = "rollouts", .paths = rollouts },
};
enum { N_ROLES = sizeof(roles) / sizeof(roles[0]) };

static struct sut_signer *signers[N_ROLES];

static void key_path(const char *keys, size_t i, char path[4096])
{
	snprintf(path, 4096, "%s/%s.key", keys, roles[i].name);
}

static struct sut_err *publish(const char *repo)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
	size_t n;
	struct sut_err *err = sut_repository_open(repo, &repository);

	if (!err)
		err = sut_repository_sign(repository, (const struct sut_signer *const *)signers,
					  N_ROLES, NULL, &n);
	return err ? err :
		     sut_repository_publish(repository,
					    (const struct sut_signer *const *)signers, N_ROLES,
					    NULL);
}

static struct sut_err *init(const char *repo, const char *keys, long seconds)
{
	const json_t *publics[N_ROLES];
	struct sut_err *err = NULL;
	char path[4096];

	mkdir(keys, 0700);
	for (size_t i = 0; i < N_ROLES && !err; i++) {
		key_path(keys, i, path);
		err = sut_signer_new(&signers[i]);
		if (!err)
			err = sut_signer_write(signers[i], path, NULL);
		if (err)
			return err;
		publics[i] = sut_signer_public(signers[i]);
		roles[i].keys = &publics[i];
		roles[i].n_keys = 1;
		roles[i].threshold = 1;
		roles[i].period = strcmp(roles[i].name, "timestamp") == 0 ? seconds : 86400 * 30;
	}
	err = sut_repository_create(repo, roles, N_ROLES);
	return err ? err : publish(repo);
}

static struct sut_err *add(const char *repo, const char *keys, const char *role, const char *target,
			   const char *file)
{
	_cleanup_(sut_file_deinit) struct sut_file bytes = { 0 };
	struct sut_err *err = sut_file_read(file, &bytes);
	char path[4096];

	for (size_t i = 0; i < N_ROLES && !err; i++) {
		key_path(keys, i, path);
		err = sut_signer_read(path, NULL, &signers[i]);
	}
	if (!err) {
		_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
		err = sut_repository_open(repo, &repository);
		if (!err)
			err = sut_repository_add(repository, role, target, bytes.view, NULL);
	}
	return err ? err : publish(repo);
}

int main(int argc, char **argv)
{
	struct sut_err *err;

	if (sodium_init() < 0)
		return 1;
	if (argc >= 4 && strcmp(argv[1], "init") == 0)
		err = init(argv[2], argv[3], argc > 4 ? strtol(argv[4], NULL, 10) : 86400);
	else if (argc == 7 && strcmp(argv[1], "add") == 0)
		err = add(argv[2], argv[3], argv[4], argv[5], argv[6]);
	else
		return 2;
	if (err)
		fprintf(stderr, "hub-seed: %s\n", err->msg);
	return err ? 1 : 0;
}
