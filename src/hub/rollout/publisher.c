// SPDX-License-Identifier: Apache-2.0
#include "hub/rollout/publisher.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "hub/store/rollout.h"
#include "tuf/repository.h"
#include "tuf/signer.h"

/** More key files than this are not looked at. */
#define MOST_KEYS 32

/** The roles whose keys are on line. */
static const char *const roles[] = { "rollouts", "snapshot", "timestamp" };

struct sut_publisher {
	char *repository;
	struct sut_signer *signers[MOST_KEYS];
	size_t n_signers;
	struct stat seen; /**< Of the timestamp.json that was last looked at. */
};

// Which of the on-line roles a key file is for; -1: none.
static int role_of(const char *name)
{
	size_t size = strlen(name);

	if (size < 4 || strcmp(name + size - 4, ".key") != 0)
		return -1;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strncmp(name, roles[i], strlen(roles[i])) == 0)
			return i;
	return -1;
}

static struct sut_err *read_passphrase(const char *path, char **ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };

	*ret = NULL;
	if (!path)
		return NULL;
	struct sut_err *err = sut_file_read(path, &file);
	if (err)
		return err;
	const char *text = (const char *)file.view.data;
	const char *end = file.view.size ? memchr(text, '\n', file.view.size) : NULL;
	*ret = strndup(text ? text : "", end ? (size_t)(end - text) : file.view.size);
	return *ret ? NULL : sut_err_nomem();
}

static struct sut_err *read_key(struct sut_publisher *publisher, const char *folder,
				const char *name, const char *passphrase)
{
	_cleanup_free_ char *path = NULL;
	bool needs = false;

	if (publisher->n_signers == MOST_KEYS)
		return sut_err(SUT_E_USAGE, "%s: more than %d keys", folder, MOST_KEYS);
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return sut_err_nomem();
	struct sut_err *err = sut_signer_needs_passphrase(path, &needs);
	if (!err)
		err = sut_signer_read(path, needs ? passphrase : NULL,
				      &publisher->signers[publisher->n_signers]);
	if (!err)
		publisher->n_signers++;
	return err;
}

static struct sut_err *read_keys(struct sut_publisher *publisher, const char *folder,
				 const char *passphrase)
{
	bool has[sizeof(roles) / sizeof(roles[0])] = { false };
	DIR *dir = opendir(folder);
	struct sut_err *err = NULL;

	if (!dir)
		return sut_err_os(errno, "open %s", folder);
	for (struct dirent *entry; !err && (entry = readdir(dir));) {
		int role = role_of(entry->d_name);
		if (role < 0)
			continue;
		err = read_key(publisher, folder, entry->d_name, passphrase);
		has[role] = true;
	}
	closedir(dir);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]) && !err; i++)
		if (!has[i])
			err = sut_err(SUT_E_USAGE,
				      "%s: no key %s*.key: the hub signs rollouts, snapshot and "
				      "timestamp",
				      folder, roles[i]);
	return err;
}

struct sut_err *sut_publisher_open(const char *repository, const char *keys,
				   const char *passphrase_file, struct sut_publisher **ret)
{
	_cleanup_(sut_publisher_closep) struct sut_publisher *publisher =
		calloc(1, sizeof(*publisher));
	_cleanup_free_ char *passphrase = NULL;

	if (!publisher)
		return sut_err_nomem();
	publisher->repository = strdup(repository);
	if (!publisher->repository)
		return sut_err_nomem();
	struct sut_err *err = read_passphrase(passphrase_file, &passphrase);
	if (!err && keys)
		err = read_keys(publisher, keys, passphrase);
	if (passphrase)
		explicit_bzero(passphrase, strlen(passphrase));
	if (!err)
		*ret = steal(publisher);
	return err;
}

void sut_publisher_close(struct sut_publisher *publisher)
{
	if (!publisher)
		return;
	for (size_t i = 0; i < publisher->n_signers; i++)
		sut_signer_free(publisher->signers[i]);
	free(publisher->repository);
	free(publisher);
}

bool sut_publisher_has_news(struct sut_publisher *publisher)
{
	_cleanup_free_ char *path = NULL;
	struct stat now = { 0 };

	if (asprintf(&path, "%s/metadata/timestamp.json", publisher->repository) < 0) {
		path = NULL;
		return false;
	}
	if (stat(path, &now) != 0)
		return false;
	bool is_new = now.st_ino != publisher->seen.st_ino ||
		      now.st_size != publisher->seen.st_size ||
		      now.st_mtim.tv_sec != publisher->seen.st_mtim.tv_sec ||
		      now.st_mtim.tv_nsec != publisher->seen.st_mtim.tv_nsec;
	publisher->seen = now;
	return is_new;
}

void sut_publisher_forget(struct sut_publisher *publisher)
{
	publisher->seen = (struct stat){ 0 };
}

static struct sut_err *add_document(struct sut_repository *repository,
				    const struct sut_rollout *rollout)
{
	_cleanup_json_ json_t *value = sut_rollout_write(rollout);
	_cleanup_json_ json_t *custom =
		json_pack("{s:s, s:s}", "type", "rollout", "name", rollout->id);
	_cleanup_free_ char *text =
		value ? json_dumps(value, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
	_cleanup_free_ char *path = NULL;

	if (!text || !custom)
		return sut_err_nomem();
	if (asprintf(&path, "rollouts/%s.json", rollout->id) < 0) {
		path = NULL;
		return sut_err_nomem();
	}
	return sut_repository_add(repository, "rollouts", path,
				  (struct sut_view){ (const uint8_t *)text, strlen(text) }, custom);
}

// Signs and publishes what is staged of the rollouts, and renews what is on line.
static struct sut_err *finish(struct sut_publisher *publisher, struct sut_repository *repository)
{
	static const char *const only[] = { "rollouts", NULL };
	const struct sut_signer *const *signers =
		(const struct sut_signer *const *)publisher->signers;
	size_t n_signed;
	struct sut_err *err =
		sut_repository_sign(repository, signers, publisher->n_signers, only, &n_signed);

	return err ? err : sut_repository_publish(repository, signers, publisher->n_signers, only);
}

static bool is_due(const struct sut_stored_rollout *rollout)
{
	return !rollout->is_waiting && (int64_t)rollout->doc.decision > rollout->published;
}

struct sut_err *sut_publisher_publish(struct sut_publisher *publisher,
				      const struct sut_stored_rollouts *rollouts, size_t *n_ret)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
	struct sut_err *err = NULL;
	size_t n = 0;

	*n_ret = 0;
	for (size_t i = 0; i < rollouts->n; i++)
		n += is_due(&rollouts->list[i]);
	if (n == 0)
		return NULL;
	if (publisher->n_signers == 0)
		return sut_err(SUT_E_USAGE, "the hub was started without --keys");
	err = sut_repository_open(publisher->repository, &repository);
	for (size_t i = 0; i < rollouts->n && !err; i++)
		if (is_due(&rollouts->list[i]))
			err = add_document(repository, &rollouts->list[i].doc);
	if (!err)
		err = finish(publisher, repository);
	if (!err)
		*n_ret = n;
	return err;
}

// When the role's signature ends, and for how long one counts; 0 where nothing is published.
static void read_times(struct sut_repository *repository, const char *role, int64_t *expires,
		       int64_t *left, int64_t now)
{
	const json_t *body = sut_repository_body(repository, role, true);

	*expires = 0;
	*left = 0;
	if (!body)
		return;
	sut_err_free(sut_json_time(body, "expires", expires));
	*left = *expires - now;
}

struct sut_err *sut_publisher_renew(struct sut_publisher *publisher, int64_t now)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
	int64_t expires, left;

	if (publisher->n_signers == 0 || publisher->seen.st_ino == 0)
		return NULL;
	struct sut_err *err = sut_repository_open(publisher->repository, &repository);
	if (err)
		return err;
	read_times(repository, "timestamp", &expires, &left, now);
	int64_t age = now - publisher->seen.st_mtim.tv_sec;
	if (expires == 0 || left > age)
		return NULL; // less than half of its time is over
	return finish(publisher, repository);
}
