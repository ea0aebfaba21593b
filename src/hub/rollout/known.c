// SPDX-License-Identifier: Apache-2.0
#include "hub/rollout/known.h"

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "fleet/release.h"
#include "hub/log.h"
#include "tuf/repository.h"

void sut_channel_deinit(struct sut_channel *channel)
{
	for (size_t i = 0; i < channel->n_releases; i++) {
		sut_release_deinit(&channel->releases[i]);
		json_decref(channel->documents[i]);
	}
	for (size_t i = 0; i < channel->n_revocations; i++)
		sut_revocation_deinit(&channel->revocations[i]);
	for (size_t i = 0; i < channel->n_rollouts; i++)
		sut_rollout_deinit(&channel->rollouts[i]);
	free(channel->releases);
	free(channel->documents);
	free(channel->revocations);
	free(channel->rollouts);
	*channel = (struct sut_channel){ 0 };
}

static struct sut_err *add_release(struct sut_channel *channel, struct sut_view bytes)
{
	struct sut_err *err =
		sut_array_grow(&channel->releases, channel->n_releases, &channel->releases_capacity,
			       sizeof(*channel->releases));

	if (!err)
		err = sut_array_grow(&channel->documents, channel->n_releases,
				     &channel->documents_capacity, sizeof(*channel->documents));
	struct sut_release *release = err ? NULL : &channel->releases[channel->n_releases];
	if (!err)
		err = sut_release_read(bytes, release);
	if (err)
		return err;
	err = sut_json_parse(bytes, &channel->documents[channel->n_releases]);
	if (err)
		sut_release_deinit(release);
	else
		channel->n_releases++;
	return err;
}

static struct sut_err *add_revocation(struct sut_channel *channel, struct sut_view bytes)
{
	struct sut_err *err =
		sut_array_grow(&channel->revocations, channel->n_revocations,
			       &channel->revocations_capacity, sizeof(*channel->revocations));

	if (!err)
		err = sut_revocation_read(bytes, &channel->revocations[channel->n_revocations]);
	if (!err)
		channel->n_revocations++;
	return err;
}

static struct sut_err *add_rollout(struct sut_channel *channel, struct sut_view bytes)
{
	struct sut_err *err =
		sut_array_grow(&channel->rollouts, channel->n_rollouts, &channel->rollouts_capacity,
			       sizeof(*channel->rollouts));

	if (!err)
		err = sut_rollout_read(bytes, &channel->rollouts[channel->n_rollouts]);
	if (!err)
		channel->n_rollouts++;
	return err;
}

/** Where the documents of a kind are, and what reads one. */
static const struct {
	const char *role;
	struct sut_err *(*add)(struct sut_channel *channel, struct sut_view bytes);
} kinds[] = {
	{ "hotpatches", add_release },
	{ "revocations", add_revocation },
	{ "rollouts", add_rollout },
};

// "hotpatches/2026.11.json": a document, and no hotpatch in a folder below.
static bool is_document(const char *path)
{
	size_t size = strlen(path);
	const char *slash = strchr(path, '/');

	return slash && !strchr(slash + 1, '/') && size > 5 &&
	       strcmp(path + size - 5, ".json") == 0;
}

static struct sut_err *read_kind(struct sut_repository *repository, size_t kind,
				 struct sut_channel *channel)
{
	const json_t *targets = sut_repository_targets(repository, kinds[kind].role, true);
	const char *path;
	json_t *target;

	json_object_foreach((json_t *)targets, path, target)
	{
		_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
		if (!is_document(path))
			continue;
		struct sut_err *err =
			sut_repository_read(repository, kinds[kind].role, path, &file);
		if (!err)
			err = kinds[kind].add(channel, file.view);
		if (err && err->code == SUT_E_NOMEM)
			return err;
		if (err)
			sut_log(SUT_LOG_WARNING, "repository: %s is left out: %s", path, err->msg);
		sut_err_free(err);
	}
	return NULL;
}

struct sut_err *sut_channel_read(const char *path, struct sut_channel *ret)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
	struct sut_channel channel = { 0 };
	struct sut_err *err = sut_repository_open(path, &repository);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !err; i++)
		err = read_kind(repository, i, &channel);
	if (err) {
		sut_channel_deinit(&channel);
		return err;
	}
	const json_t *timestamp = sut_repository_body(repository, "timestamp", true);
	if (timestamp)
		sut_err_free(sut_json_time(timestamp, "expires", &channel.expires));
	*ret = channel;
	return NULL;
}

int sut_channel_find(const struct sut_channel *channel, const char *release)
{
	for (size_t i = 0; i < channel->n_releases; i++)
		if (strcmp(channel->releases[i].name, release) == 0)
			return i;
	return -1;
}

void sut_known_deinit(struct sut_known *known)
{
	sut_policy_deinit(&known->policy);
	sut_stored_rollouts_deinit(&known->stored);
	free(known->started);
	*known = (struct sut_known){ 0 };
}

struct sut_err *sut_known_policy(struct sut_tx *tx, json_t **ret)
{
	_cleanup_json_ json_t *policy = NULL;
	struct sut_err *err = sut_store_setting(tx, "policy", &policy);

	if (!err && !policy)
		err = sut_json_parse((struct sut_view){ (const uint8_t *)sut_policy_usual,
							strlen(sut_policy_usual) },
				     &policy);
	if (!err && !json_object_get(policy, "auto_start") &&
	    json_object_set_new(policy, "auto_start", json_true()) != 0)
		err = sut_err_nomem();
	if (!err)
		*ret = steal(policy);
	return err;
}

static void fill_catalogue(struct sut_known *known)
{
	size_t n = 0;

	for (size_t i = 0; i < known->stored.n; i++)
		if (!known->stored.list[i].is_waiting)
			known->started[n++] = known->stored.list[i].doc;
	known->catalogue = (struct sut_catalogue){
		.releases = known->channel->releases,
		.n_releases = known->channel->n_releases,
		.rollouts = known->started,
		.n_rollouts = n,
		.revocations = known->channel->revocations,
		.n_revocations = known->channel->n_revocations,
	};
}

struct sut_err *sut_known_read(struct sut_tx *tx, const struct sut_channel *channel,
			       struct sut_known *ret)
{
	struct sut_known known = { .channel = channel };
	_cleanup_json_ json_t *policy = NULL;
	struct sut_err *err = sut_known_policy(tx, &policy);

	if (!err)
		err = sut_policy_from_json(policy, &known.policy);
	if (!err)
		err = sut_store_rollouts(tx, &known.stored);
	if (!err) {
		known.auto_start = json_is_true(json_object_get(policy, "auto_start"));
		known.started = calloc(known.stored.n + 1, sizeof(*known.started));
		err = known.started ? NULL : sut_err_nomem();
	}
	if (err) {
		sut_known_deinit(&known);
		return err;
	}
	fill_catalogue(&known);
	*ret = known;
	return NULL;
}
