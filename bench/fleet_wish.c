// SPDX-License-Identifier: Apache-2.0
#include "fleet_wish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "fleet/release.h"
#include "fleet/rollout.h"
#include "tuf/client.h"
#include "tuf/metadata.h"
#include "tuf/source.h"

#define MAX_DOCUMENT (4 << 20)

/** A list of documents of one kind. */
struct documents {
	void *list;
	size_t n, size;
	struct sut_err *(*read)(struct sut_view bytes, void *ret);
	void (*deinit)(void *document);
};

struct wish {
	struct sut_tuf_source *source;
	struct sut_tuf_client *client;
	char *stamp; // that led to what is loaded
	size_t stamp_size;
	struct documents releases, rollouts, revocations;
};

static struct sut_err *read_release(struct sut_view bytes, void *ret)
{
	return sut_release_read(bytes, ret);
}

static struct sut_err *read_rollout(struct sut_view bytes, void *ret)
{
	return sut_rollout_read(bytes, ret);
}

static struct sut_err *read_revocation(struct sut_view bytes, void *ret)
{
	return sut_revocation_read(bytes, ret);
}

static void deinit_release(void *document)
{
	sut_release_deinit(document);
}

static void deinit_rollout(void *document)
{
	sut_rollout_deinit(document);
}

static void deinit_revocation(void *document)
{
	sut_revocation_deinit(document);
}

static void die(struct sut_err *err)
{
	fprintf(stderr, "fleet-load: %s\n", err->msg);
	exit(1);
}

struct wish *wish_new(const struct wish_options *options)
{
	struct wish *wish = calloc(1, sizeof(*wish));
	struct sut_file root;
	struct sut_err *err = sut_file_read(options->root, &root);

	if (err)
		die(err);
	err = sut_tuf_client_trust(options->store, root.view);
	if (!err)
		err = sut_tuf_source_folder(options->repository, &wish->source);
	if (!err)
		err = sut_tuf_client_open(&(struct sut_tuf_options){ .store = options->store,
								     .source = wish->source },
					  &wish->client);
	if (err)
		die(err);
	wish->releases = (struct documents){ NULL, 0, sizeof(struct sut_release), read_release,
					     deinit_release };
	wish->rollouts = (struct documents){ NULL, 0, sizeof(struct sut_rollout), read_rollout,
					     deinit_rollout };
	wish->revocations = (struct documents){ NULL, 0, sizeof(struct sut_revocation),
						read_revocation, deinit_revocation };
	return wish;
}

static void empty(struct documents *documents)
{
	for (size_t i = 0; i < documents->n; i++)
		documents->deinit((char *)documents->list + i * documents->size);
	free(documents->list);
	documents->list = NULL;
	documents->n = 0;
}

/** The documents of a role: the JSON files right below its folder. */
static struct sut_err *load(struct wish *wish, const char *role, struct documents *documents)
{
	_cleanup_free_ struct sut_tuf_target *targets = NULL;
	size_t n;
	struct sut_err *err = sut_tuf_client_list(wish->client, role, &targets, &n);

	empty(documents);
	if (err)
		return err;
	documents->list = calloc(n + 1, documents->size);
	for (size_t i = 0; i < n && !err; i++) {
		const char *slash = strrchr(targets[i].path, '/'),
			   *dot = strrchr(targets[i].path, '.');
		struct sut_file file;
		if (!slash || strchr(targets[i].path, '/') != slash || !dot ||
		    strcmp(dot, ".json") != 0)
			continue;
		err = sut_tuf_client_get(wish->client, &targets[i], MAX_DOCUMENT, &file);
		if (err)
			break;
		err = documents->read(file.view,
				      (char *)documents->list + documents->n * documents->size);
		sut_file_deinit(&file);
		documents->n += !err;
	}
	return err;
}

static bool update(struct wish *wish, const char *stamp, size_t size)
{
	struct sut_err *err = sut_tuf_client_refresh(wish->client);

	if (!err)
		err = load(wish, "hotpatches", &wish->releases);
	if (!err)
		err = load(wish, "rollouts", &wish->rollouts);
	if (!err)
		err = load(wish, "revocations", &wish->revocations);
	if (err) {
		fprintf(stderr, "fleet-load: %s\n", err->msg);
		sut_err_free(err);
		return false;
	}
	free(wish->stamp);
	wish->stamp = memcpy(malloc(size + 1), stamp, size);
	wish->stamp_size = size;
	return true;
}

bool wish_tell(void *context, const char *stamp, size_t size, const char *ring, const char *has,
	       struct fleet_wish *ret)
{
	struct wish *wish = context;
	struct sut_want want;

	if ((!wish->stamp || size != wish->stamp_size || memcmp(stamp, wish->stamp, size) != 0) &&
	    !update(wish, stamp, size))
		return false;
	struct sut_catalogue catalogue = {
		.releases = wish->releases.list,
		.n_releases = wish->releases.n,
		.rollouts = wish->rollouts.list,
		.n_rollouts = wish->rollouts.n,
		.revocations = wish->revocations.list,
		.n_revocations = wish->revocations.n,
	};
	struct sut_err *err = sut_want_init(&catalogue, ring, has[0] ? has : NULL, &want);
	if (err)
		die(err);
	if (want.release && want.release->n_hotpatches) {
		const struct sut_release_hotpatch *hotpatch = &want.release->hotpatches[0];
		snprintf(ret->release, sizeof(ret->release), "%s", want.release->name);
		snprintf(ret->hotpatch, sizeof(ret->hotpatch), "%s", hotpatch->name);
		snprintf(ret->build_id, sizeof(ret->build_id), "%s", hotpatch->old_build_id);
	}
	sut_want_deinit(&want);
	return true;
}
