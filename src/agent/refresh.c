// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/fetch.h"
#include "agent/folders.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "tuf/client.h"
#include "tuf/http.h"
#include "tuf/metadata.h"
#include "tuf/source.h"

/** Whether a target is to be in the mirror: the documents, and what was asked for. */
static bool is_wanted(void *context, const struct sut_tuf_target *target)
{
	const json_t *need = context, *one;
	size_t n = strlen(target->path), i;

	if (n > 5 && strcmp(target->path + n - 5, ".json") == 0)
		return true;
	json_array_foreach(need, i, one)
	{
		if (json_is_string(one) && strcmp(json_string_value(one), target->path) == 0)
			return true;
	}
	return false;
}

static struct sut_err *mirror(const struct sut_config *config, struct sut_tuf_source *source,
			      json_t *need)
{
	static const char *const roles[] = { "baselines", "hotpatches", "rollouts", "revocations",
					     NULL };
	_cleanup_free_ char *store = sut_config_path(config, SUT_FOLDER_FETCHED);
	_cleanup_free_ char *folder = sut_config_path(config, SUT_FOLDER_MIRROR);
	_cleanup_(sut_tuf_client_closep) struct sut_tuf_client *client = NULL;
	_cleanup_(sut_file_deinit) struct sut_file root = { 0 };
	struct sut_tuf_options options = { .store = store, .source = source };
	struct sut_err *err =
		store && folder ? sut_file_read(config->root, &root) : sut_err_nomem();

	if (!err)
		err = sut_tuf_client_trust(store, root.view);
	if (!err)
		err = sut_tuf_client_open(&options, &client);
	if (!err)
		err = sut_tuf_client_refresh(client);
	return err ? err : sut_tuf_client_mirror(client, roles, is_wanted, need, folder);
}

static struct sut_err *refresh_from(const struct sut_config *config, const char *url, json_t *need)
{
	_cleanup_free_ char *ca = sut_config_path(config, SUT_FOLDER_IDENTITY "/ca.crt");
	bool is_hubs = config->hub && strncmp(url, config->hub, strlen(config->hub)) == 0;
	const char *ca_file = is_hubs && ca && access(ca, R_OK) == 0 ? ca : NULL;
	struct sut_tuf_http http = { .url = url, .ca_file = ca_file };
	_cleanup_(sut_tuf_source_freep) struct sut_tuf_source *source = NULL;
	struct sut_err *err = strncmp(url, "file://", 7) == 0
				      ? sut_tuf_source_folder(url + 7, &source)
				      : sut_tuf_source_http(&http, &source);

	return err ? err : mirror(config, source, need);
}

// The folder besides is a stick that may be there or not, with an older state or a newer one:
// an older one is refused by the client, and that is in order.
static bool refresh_besides(const struct sut_config *config, json_t *need)
{
	_cleanup_free_ char *metadata = NULL, *url = NULL;

	if (!config->also || asprintf(&metadata, "%s/metadata", config->also) < 0 ||
	    access(metadata, R_OK) < 0 || asprintf(&url, "file://%s", config->also) < 0)
		return false;
	struct sut_err *err = refresh_from(config, url, need);
	bool is_taken = !err;
	sut_err_free(err);
	return is_taken;
}

void *sut_refresh_work(void *context)
{
	struct sut_refreshing *refreshing = context;
	const char *text = refreshing->need;
	_cleanup_json_ json_t *need = text ? json_loads(text, 0, NULL) : NULL;
	struct sut_err *err = refresh_from(refreshing->config, refreshing->config->url, need);
	bool is_besides = refresh_besides(refreshing->config, need);

	refreshing->trouble[0] = 0;
	if (err && !is_besides)
		memcpy(refreshing->trouble, sut_message_make(0, 0, 0, err->msg).text,
		       sizeof(refreshing->trouble));
	sut_err_free(err);
	free(refreshing->need);
	refreshing->need = NULL;
	if (write(refreshing->done, "", 1) != 1)
		return NULL; // nobody waits any more
	return NULL;
}
