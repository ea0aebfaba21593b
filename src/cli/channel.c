// SPDX-License-Identifier: Apache-2.0
#include "cli/channel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "fleet/version.h"
#include "tuf/repository.h"

/** How documents of a role become elements of an array. */
struct kind {
	const char *role;
	size_t size;
	struct sut_err *(*read)(struct sut_view bytes, void *ret);
};

#define READER(noun)                                                                               \
	static struct sut_err *read_##noun(struct sut_view bytes, void *ret)                       \
	{                                                                                          \
		return sut_##noun##_read(bytes, ret);                                              \
	}
READER(baseline)
READER(release)
READER(rollout)
READER(revocation)

static bool is_document(const char *path)
{
	size_t size = strlen(path);

	return size > 5 && strcmp(path + size - 5, ".json") == 0;
}

// @p list and @p n grow as documents are read, so that the caller frees those.
static struct sut_err *load_role(struct sut_repository *repository, const struct kind *kind,
				 void *list, size_t *n)
{
	const json_t *targets = sut_repository_targets(repository, kind->role, false);
	char *items = calloc(json_object_size(targets) + 1, kind->size);
	const char *path;
	json_t *target;

	if (!items)
		return sut_err_nomem();
	memcpy(list, &items, sizeof(items));
	json_object_foreach((json_t *)targets, path, target)
	{
		_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
		if (!is_document(path))
			continue;
		struct sut_err *err = sut_repository_read(repository, kind->role, path, &file);
		if (!err)
			err = kind->read(file.view, items + *n * kind->size);
		if (err)
			return sut_err_wrap(err, "%s", path);
		++*n;
	}
	return NULL;
}

struct sut_err *sut_channel_load(struct sut_repository *repository, struct sut_channel *ret)
{
	static const struct kind kinds[] = {
		{ "baselines", sizeof(struct sut_baseline), read_baseline },
		{ "hotpatches", sizeof(struct sut_release), read_release },
		{ "rollouts", sizeof(struct sut_rollout), read_rollout },
		{ "revocations", sizeof(struct sut_revocation), read_revocation },
	};
	struct sut_channel c = { 0 };
	struct sut_err *err = load_role(repository, &kinds[0], &c.baselines, &c.n_baselines);

	if (!err)
		err = load_role(repository, &kinds[1], &c.releases, &c.n_releases);
	if (!err)
		err = load_role(repository, &kinds[2], &c.rollouts, &c.n_rollouts);
	if (!err)
		err = load_role(repository, &kinds[3], &c.revocations, &c.n_revocations);
	if (err) {
		sut_channel_deinit(&c);
		return err;
	}
	*ret = c;
	return NULL;
}

void sut_channel_deinit(struct sut_channel *c)
{
	for (size_t i = 0; i < c->n_baselines; i++)
		sut_baseline_deinit(&c->baselines[i]);
	for (size_t i = 0; i < c->n_releases; i++)
		sut_release_deinit(&c->releases[i]);
	for (size_t i = 0; i < c->n_rollouts; i++)
		sut_rollout_deinit(&c->rollouts[i]);
	for (size_t i = 0; i < c->n_revocations; i++)
		sut_revocation_deinit(&c->revocations[i]);
	free(c->baselines);
	free(c->releases);
	free(c->rollouts);
	free(c->revocations);
	*c = (struct sut_channel){ 0 };
}

struct sut_catalogue sut_channel_catalogue(const struct sut_channel *channel)
{
	return (struct sut_catalogue){
		.releases = channel->releases,
		.n_releases = channel->n_releases,
		.rollouts = channel->rollouts,
		.n_rollouts = channel->n_rollouts,
		.revocations = channel->revocations,
		.n_revocations = channel->n_revocations,
	};
}

struct sut_baseline *sut_channel_baseline(const struct sut_channel *channel, const char *name)
{
	for (size_t i = 0; i < channel->n_baselines; i++)
		if (strcmp(channel->baselines[i].name, name) == 0)
			return &channel->baselines[i];
	return NULL;
}

struct sut_release *sut_channel_release(const struct sut_channel *channel, const char *name)
{
	for (size_t i = 0; i < channel->n_releases; i++)
		if (strcmp(channel->releases[i].name, name) == 0)
			return &channel->releases[i];
	return NULL;
}

struct sut_rollout *sut_channel_rollout(const struct sut_channel *channel, const char *release)
{
	for (size_t i = 0; i < channel->n_rollouts; i++)
		if (strcmp(channel->rollouts[i].release, release) == 0)
			return &channel->rollouts[i];
	return NULL;
}

const struct sut_release *sut_channel_previous(const struct sut_channel *channel, const char *name,
					       const char *baseline)
{
	const struct sut_catalogue catalogue = sut_channel_catalogue(channel);
	const struct sut_release *best = NULL;

	for (size_t i = 0; i < channel->n_releases; i++) {
		const struct sut_release *r = &channel->releases[i];
		if (strcmp(r->baseline, baseline) == 0 && sut_version_compare(r->name, name) < 0 &&
		    !sut_catalogue_revoked(&catalogue, r->name) &&
		    (!best || sut_version_compare(r->name, best->name) > 0))
			best = r;
	}
	return best;
}

static struct sut_err *path_of(const char *role, const char *name, char **ret)
{
	return asprintf(ret, "%s/%s.json", role, name) < 0 ? sut_err_nomem() : NULL;
}

struct sut_err *sut_channel_put(struct sut_repository *repository, const char *role,
				const char *type, const char *name, json_t *document)
{
	_cleanup_json_ json_t *owned = document;
	_cleanup_json_ json_t *custom = json_pack("{s:s, s:s}", "type", type, "name", name);
	_cleanup_free_ char *text =
		document ? json_dumps(document, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
	_cleanup_free_ char *path = NULL;
	struct sut_err *err = NULL;

	if (!custom || !text)
		return sut_err_nomem();
	err = path_of(role, name, &path);
	if (err)
		return err;
	return sut_repository_add(repository, role, path,
				  (struct sut_view){ (const uint8_t *)text, strlen(text) }, custom);
}

static const json_t *find_target(const struct sut_repository *repository, const char *role,
				 const char *name, bool is_published)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s.json", role, name) < 0) {
		path = NULL;
		return NULL;
	}
	return json_object_get(sut_repository_targets(repository, role, is_published), path);
}

bool sut_channel_is_published(const struct sut_repository *repository, const char *role,
			      const char *name)
{
	return find_target(repository, role, name, true);
}

bool sut_channel_is_staged(const struct sut_repository *repository, const char *role,
			   const char *name)
{
	const json_t *now = find_target(repository, role, name, false),
		     *before = find_target(repository, role, name, true);

	return now && (!before || !json_equal(now, before));
}

// Is each hotpatch the file that the release says?
static struct sut_err *check_files(struct sut_repository *repository,
				   const struct sut_release *release)
{
	for (size_t i = 0; i < release->n_hotpatches; i++) {
		const struct sut_release_hotpatch *h = &release->hotpatches[i];
		_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
		struct sut_sha256 digest;
		char hex[2 * SUT_SHA256_SIZE + 1];
		struct sut_err *err =
			sut_repository_read(repository, "hotpatches", h->target, &file);
		if (!err)
			err = sut_sha256(file.view, &digest);
		if (err)
			return sut_err_wrap(err, "hotpatch %s", h->name);
		sut_hex((struct sut_view){ digest.bytes, sizeof(digest.bytes) }, hex);
		if (strcmp(hex, h->sha256) != 0 || file.view.size != h->size)
			return sut_err(SUT_E_MISMATCH,
				       "hotpatch %s is not the file that release %s names: add it "
				       "again",
				       h->name, release->name);
	}
	return NULL;
}

struct sut_err *sut_channel_check(struct sut_repository *repository,
				  const struct sut_channel *channel,
				  const struct sut_release *release, struct sut_problems *ret)
{
	_cleanup_free_ char **revoked = NULL;
	struct sut_release_context context = {
		.baseline = sut_channel_baseline(channel, release->baseline),
		.previous = sut_channel_previous(channel, release->name, release->baseline),
		.manifest = sut_channel_baseline(channel, release->name),
	};
	size_t capacity = 0;
	struct sut_err *err = NULL;

	if (!context.baseline)
		return sut_err(SUT_E_USAGE,
			       "there is no baseline %s: make it with 'suture repo baseline'",
			       release->baseline);
	for (size_t i = 0; i < channel->n_revocations; i++)
		for (size_t k = 0; k < channel->revocations[i].n_hotpatches && !err; k++) {
			err = sut_array_grow(&revoked, context.n_revoked, &capacity,
					     sizeof(*revoked));
			if (!err)
				revoked[context.n_revoked++] =
					channel->revocations[i].hotpatches[k];
		}
	context.revoked = revoked;
	if (!err)
		err = sut_release_check(release, &context, ret);
	return err ? err : check_files(repository, release);
}

static bool names_target(const struct sut_release *release, const char *path)
{
	for (size_t i = 0; i < release->n_hotpatches; i++)
		if (strcmp(release->hotpatches[i].target, path) == 0)
			return true;
	return false;
}

struct sut_err *sut_channel_prune(struct sut_repository *repository,
				  const struct sut_release *release)
{
	// What is removed changes the object that is walked through.
	_cleanup_json_ json_t *targets =
		json_copy((json_t *)sut_repository_targets(repository, "hotpatches", false));
	_cleanup_free_ char *prefix = NULL;
	const char *path;
	json_t *target;
	struct sut_err *err = NULL;

	if (asprintf(&prefix, "hotpatches/%s/", release->name) < 0)
		return sut_err_nomem();
	json_object_foreach(targets, path, target) if (!err &&
						       strncmp(path, prefix, strlen(prefix)) == 0 &&
						       !names_target(release, path)) err =
		sut_repository_remove(repository, "hotpatches", path, NULL);
	return err;
}
