// SPDX-License-Identifier: Apache-2.0
#include "tuf/client_private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "tuf/digest.h"
#include "tuf/folder.h"

/** A search for a path. Borrows the path. */
struct search {
	struct sut_tuf_client *client;
	const char *path;
	json_t *visited; /**< Owned: the roles that were looked at, as members. */
	struct sut_tuf_target *ret;
	const char *role; /**< That has it, NULL as long as none has; borrowed from metadata. */
};

static struct sut_err *search_role(struct search *s, const struct sut_metadata *metadata,
				   const char *name, bool *is_over);

/** Look at one delegation, and what is below it. */
static struct sut_err *search_delegation(struct search *s, const struct sut_tuf_delegation *one,
					 bool *is_over)
{
	const struct sut_metadata *metadata;

	if (json_object_get(s->visited, one->role.name) || !sut_tuf_delegation_covers(one, s->path))
		return NULL;
	if (json_object_size(s->visited) >= s->client->options.max_visits) {
		*is_over = true;
		return NULL;
	}
	struct sut_err *err = sut_tuf_load(s->client, &one->role, &metadata);
	if (!err)
		err = search_role(s, metadata, one->role.name, is_over);
	if (!err && one->is_terminating)
		*is_over = true;
	return err;
}

// Preorder, depth first (5.6.7). The depth is bounded by the number of visits.
static struct sut_err *search_role(struct search *s, const struct sut_metadata *metadata,
				   const char *name, bool *is_over)
{
	if (json_object_set_new(s->visited, name, json_true()) < 0)
		return sut_err_nomem();
	if (sut_metadata_target(metadata, s->path, s->ret)) {
		s->role = name;
		*is_over = true;
		return NULL;
	}
	struct sut_err *err = NULL;
	for (size_t i = 0; !err && !*is_over && i < sut_metadata_n_delegations(metadata); i++) {
		struct sut_tuf_delegation delegation;
		sut_metadata_delegation(metadata, i, &delegation);
		err = search_delegation(s, &delegation, is_over);
	}
	return err;
}

static struct sut_err *find(struct sut_tuf_client *client, const char *path,
			    struct sut_tuf_target *ret, const char **role)
{
	struct search s = { .client = client, .path = path, .visited = json_object(), .ret = ret };
	bool is_over = false;
	struct sut_err *err;

	if (!s.visited)
		return sut_err_nomem();
	if (!client->n_loaded)
		err = sut_err(SUT_E_USAGE, "%s: is not refreshed", client->store);
	else
		err = search_role(&s, &client->loaded[0]->metadata, "targets", &is_over);
	json_decref(s.visited);
	if (!err)
		*role = s.role;
	return err;
}

struct sut_err *sut_tuf_client_find(struct sut_tuf_client *client, const char *path,
				    struct sut_tuf_target *ret, bool *found)
{
	const char *role;
	struct sut_err *err = find(client, path, ret, &role);

	if (!err)
		*found = role != NULL;
	return err ? sut_err_wrap(err, "search for %s", path) : NULL;
}

struct sut_err *sut_tuf_client_role(struct sut_tuf_client *client, const char *role,
				    const struct sut_metadata **ret)
{
	struct sut_tuf_role signers;

	if (!client->n_loaded)
		return sut_err(SUT_E_USAGE, "%s: is not refreshed", client->store);
	if (strcmp(role, "targets") == 0) {
		*ret = &client->loaded[0]->metadata;
		return NULL;
	}
	if (!sut_metadata_role(&client->loaded[0]->metadata, role, &signers))
		return sut_err(SUT_E_USAGE, "the repository has no role %s", role);
	return sut_tuf_load(client, &signers, ret);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct sut_tuf_target *)a)->path,
		      ((const struct sut_tuf_target *)b)->path);
}

struct sut_err *sut_tuf_client_list(struct sut_tuf_client *client, const char *role,
				    struct sut_tuf_target **ret, size_t *n_ret)
{
	const struct sut_metadata *metadata;
	struct sut_err *err = sut_tuf_client_role(client, role, &metadata);

	if (err)
		return err;
	json_t *targets = json_object_get(metadata->body, "targets");
	_cleanup_free_ struct sut_tuf_target *list =
		calloc(json_object_size(targets) + 1, sizeof(*list));
	size_t n = 0;
	if (!list)
		return sut_err_nomem();
	for (void *at = json_object_iter(targets); at; at = json_object_iter_next(targets, at)) {
		const char *where;
		// What another role speaks for, this one may list in vain.
		err = find(client, json_object_iter_key(at), &list[n], &where);
		if (err)
			return err;
		if (where && strcmp(where, role) == 0)
			n++;
	}
	sut_array_sort(list, n, sizeof(*list), by_path);
	*ret = steal(list);
	*n_ret = n;
	return NULL;
}

/** The name by which the source has a target. @p ret is the caller's. */
static struct sut_err *source_name(const struct sut_tuf_client *client,
				   const struct sut_tuf_target *target, char **ret)
{
	const char *digest = target->file.sha256 ? target->file.sha256 : target->file.sha512;

	if (!sut_tuf_path_is_safe(target->path))
		return sut_err(SUT_E_UNTRUSTED, "\"%s\" would leave its folder", target->path);
	if (!digest)
		return sut_err(SUT_E_UNTRUSTED, "%s: its digest is of no kind that can be checked",
			       target->path);
	for (const char *c = digest; *c; c++)
		if (!strchr("0123456789abcdefABCDEF", *c))
			return sut_err(SUT_E_UNTRUSTED, "%s: its digest is no hex", target->path);
	if (json_is_true(json_object_get(client->root.body, "consistent_snapshot")))
		return sut_tuf_target_file(target->path, digest, ret);
	*ret = strdup(target->path);
	return *ret ? NULL : sut_err_nomem();
}

static struct sut_err *fetch_target(struct sut_tuf_client *client,
				    const struct sut_tuf_target *target,
				    const struct sut_tuf_sink *sink)
{
	struct sut_tuf_source *source = client->options.source;
	_cleanup_free_ char *name = NULL;
	bool found;

	if (!source)
		return sut_err(SUT_E_USAGE, "%s: no repository was named", client->store);
	if ((uint64_t)target->file.size > client->options.max_target)
		return sut_err(SUT_E_UNSUPPORTED, "%s: has %" PRId64 " bytes, over %" PRIu64,
			       target->path, target->file.size, client->options.max_target);
	struct sut_err *err = source_name(client, target, &name);
	if (!err)
		err = source->fetch(source, SUT_TUF_TARGET, name, target->file.size, sink, &found);
	if (!err && !found)
		err = sut_err(SUT_E_NETWORK, "%s: the repository lists it and does not have it",
			      target->path);
	return err;
}

static struct sut_err *append(void *context, struct sut_view bytes)
{
	return sut_buf_add(context, bytes.data, bytes.size);
}

struct sut_err *sut_tuf_client_get(struct sut_tuf_client *client,
				   const struct sut_tuf_target *target, size_t limit,
				   struct sut_file *ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf buf = { 0 };
	const struct sut_tuf_sink sink = { append, &buf };

	if ((uint64_t)target->file.size > limit)
		return sut_err(SUT_E_UNSUPPORTED, "%s: has %" PRId64 " bytes, over %zu",
			       target->path, target->file.size, limit);
	struct sut_err *err = fetch_target(client, target, &sink);
	if (!err)
		err = sut_tuf_check_bytes(sut_buf_view(&buf), &target->file, target->path);
	if (!err)
		ret->view = (struct sut_view){ steal(buf.data), buf.size };
	return err;
}

/** A file that is written and digested at once. */
struct writing {
	struct sut_draft draft;
	struct sut_digesting digesting;
};

static void end_writing(struct writing *writing)
{
	sut_draft_deinit(&writing->draft);
	sut_digesting_deinit(&writing->digesting);
}

static struct sut_err *write_piece(void *context, struct sut_view bytes)
{
	struct writing *writing = context;
	struct sut_err *err = sut_digesting_add(&writing->digesting, bytes);

	return err ? err : sut_draft_add(&writing->draft, bytes);
}

static struct sut_err *check_digests(struct writing *writing, const struct sut_tuf_target *target)
{
	const struct sut_tuf_expected *file = &target->file;
	struct sut_digests digests;
	struct sut_err *err = sut_digesting_end(&writing->digesting, &digests);

	if (err)
		return err;
	if ((int64_t)digests.size != file->size ||
	    (file->sha256 && strcasecmp(file->sha256, digests.sha256) != 0) ||
	    (file->sha512 && strcasecmp(file->sha512, digests.sha512) != 0) ||
	    (!file->sha256 && !file->sha512))
		return sut_err(
			SUT_E_UNTRUSTED,
			"%s: is not the file that was signed (its size or digest is another)",
			target->path);
	return NULL;
}

/** Is the right file there already? What cannot be read is not. */
static struct sut_err *has_right_file(const char *folder, const char *name,
				      const struct sut_tuf_target *target, bool *ret)
{
	_cleanup_(end_writing) struct writing reading = { .draft.fd = -1 };
	_cleanup_free_ char *path = NULL;
	uint8_t piece[16384];
	ssize_t got = 0;

	*ret = false;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return sut_err_nomem();
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	struct sut_err *err = sut_digesting_init(&reading.digesting);
	while (!err && (got = read(fd, piece, sizeof(piece))) > 0 &&
	       reading.digesting.size <= (uint64_t)target->file.size)
		err = sut_digesting_add(&reading.digesting, (struct sut_view){ piece, got });
	if (err || got != 0)
		return err;
	err = check_digests(&reading, target);
	*ret = !err;
	sut_err_free(err);
	return NULL;
}

struct sut_err *sut_tuf_download_as(struct sut_tuf_client *client,
				    const struct sut_tuf_target *target, const char *folder,
				    const char *name)
{
	_cleanup_(end_writing) struct writing writing = { .draft.fd = -1 };
	const struct sut_tuf_sink sink = { write_piece, &writing };

	bool is_there;

	struct sut_err *err = has_right_file(folder, name, target, &is_there);
	if (err || is_there)
		return err;
	err = sut_digesting_init(&writing.digesting);
	if (!err)
		err = sut_draft_init(folder, name, 0644, &writing.draft);
	if (!err)
		err = fetch_target(client, target, &sink);
	if (!err)
		err = check_digests(&writing, target);
	return err ? err : sut_draft_keep(&writing.draft, false);
}

struct sut_err *sut_tuf_client_download(struct sut_tuf_client *client,
					const struct sut_tuf_target *target, const char *folder)
{
	if (!sut_tuf_path_is_safe(target->path))
		return sut_err(SUT_E_UNTRUSTED, "\"%s\" would leave its folder", target->path);
	return sut_tuf_download_as(client, target, folder, target->path);
}
