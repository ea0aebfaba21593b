// SPDX-License-Identifier: Apache-2.0
#include "cli/remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tuf/client.h"
#include "tuf/http.h"
#include "tuf/metadata.h"

// A document is never larger; what is comes from a broken repository.
static const size_t max_document = 16 << 20;

static struct sut_err *open_source(const struct sut_remote_place *r, struct sut_tuf_source **ret)
{
	const struct sut_tuf_http http = { .url = r->repository, .ca_file = r->ca_file };

	return strstr(r->repository, "://") ? sut_tuf_source_url(&http, ret)
					    : sut_tuf_source_folder(r->repository, ret);
}

static struct sut_err *open_client(const struct sut_remote_place *r, struct sut_tuf_source *source,
				   struct sut_tuf_client **ret)
{
	const struct sut_tuf_options options = { .store = r->store, .source = source };
	struct sut_err *err = NULL;

	if (r->root) {
		_cleanup_(sut_file_deinit) struct sut_file root = { 0 };
		err = sut_file_read(r->root, &root);
		if (!err)
			err = sut_tuf_client_trust(r->store, root.view);
	}
	if (!err)
		err = sut_tuf_client_open(&options, ret);
	return err ? err : sut_tuf_client_refresh(*ret);
}

static bool is_document(const char *path)
{
	size_t size = strlen(path);

	return size > 5 && strcmp(path + size - 5, ".json") == 0;
}

#define READER(noun)                                                                               \
	static struct sut_err *read_##noun(struct sut_view bytes, void *ret)                       \
	{                                                                                          \
		return sut_##noun##_read(bytes, ret);                                              \
	}
READER(release)
READER(rollout)
READER(revocation)

// Read the documents of a role into a new array, which @p list points to.
static struct sut_err *load_role(struct sut_tuf_client *client, const char *role, size_t size,
				 struct sut_err *(*read)(struct sut_view, void *), void *list,
				 size_t *n)
{
	_cleanup_free_ struct sut_tuf_target *targets = NULL;
	size_t n_targets = 0;
	struct sut_err *err = sut_tuf_client_list(client, role, &targets, &n_targets);
	char *items = err ? NULL : calloc(n_targets + 1, size);

	if (!items)
		return err ? err : sut_err_nomem();
	memcpy(list, &items, sizeof(items));
	for (size_t i = 0; i < n_targets; i++) {
		_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
		if (!is_document(targets[i].path))
			continue;
		err = sut_tuf_client_get(client, &targets[i], max_document, &file);
		if (!err)
			err = read(file.view, items + *n * size);
		if (err)
			return sut_err_wrap(err, "%s", targets[i].path);
		++*n;
	}
	return NULL;
}

static struct sut_err *load(struct sut_remote *r)
{
	struct sut_catalogue *c = &r->catalogue;
	struct sut_err *err = load_role(r->client, "hotpatches", sizeof(*r->releases), read_release,
					&r->releases, &c->n_releases);

	if (!err)
		err = load_role(r->client, "rollouts", sizeof(*r->rollouts), read_rollout,
				&r->rollouts, &c->n_rollouts);
	if (!err)
		err = load_role(r->client, "revocations", sizeof(*r->revocations), read_revocation,
				&r->revocations, &c->n_revocations);
	c->releases = r->releases;
	c->rollouts = r->rollouts;
	c->revocations = r->revocations;
	return err;
}

struct sut_err *sut_remote_open(const struct sut_remote_place *place, struct sut_remote *ret)
{
	struct sut_remote remote = { 0 };
	struct sut_err *err = open_source(place, &remote.source);

	if (!err)
		err = open_client(place, remote.source, &remote.client);
	if (!err)
		err = load(&remote);
	if (err)
		sut_remote_close(&remote);
	else
		*ret = remote;
	return err;
}

void sut_remote_close(struct sut_remote *remote)
{
	for (size_t i = 0; i < remote->catalogue.n_releases; i++)
		sut_release_deinit(&remote->releases[i]);
	for (size_t i = 0; i < remote->catalogue.n_rollouts; i++)
		sut_rollout_deinit(&remote->rollouts[i]);
	for (size_t i = 0; i < remote->catalogue.n_revocations; i++)
		sut_revocation_deinit(&remote->revocations[i]);
	free(remote->releases);
	free(remote->rollouts);
	free(remote->revocations);
	sut_tuf_client_close(remote->client);
	sut_tuf_source_free(remote->source);
	*remote = (struct sut_remote){ 0 };
}
