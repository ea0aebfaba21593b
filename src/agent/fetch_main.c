// SPDX-License-Identifier: Apache-2.0

/**
 * sutured-fetch: the agent's network process, started by sutured
 *
 *     sutured-fetch CONFIG CHANNEL
 *
 * A program of its own, so that what the network needs (TLS, resolvers) is in no process
 * that has rights. Started by root, it opens what only root may, and gives everything up.
 */

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "agent/config.h"
#include "agent/confine.h"
#include "agent/fetch.h"
#include "agent/folders.h"
#include "agent/log.h"
#include "agent/rest.h"
#include "base/cleanup.h"
#include "base/file.h"

// The token is root's to read.
static char *read_token(const struct sut_config *config)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = config->token_file ? sut_file_read(config->token_file, &file) : NULL;

	sut_err_free(err);
	if (!file.view.size)
		return NULL;
	char *token = strndup((const char *)file.view.data, file.view.size);
	if (token)
		token[strcspn(token, " \t\r\n")] = 0;
	return token;
}

/** What libraries read: names, certificates, the libraries that resolve names. */
static const struct sut_allowed for_libraries[] = {
	{ "/etc", false },
	{ "/usr/lib", false },
	{ "/lib", false },
	{ "/lib64", false },
	{ "/usr/share/ca-certificates", false },
	{ "/usr/local/share/ca-certificates", false },
	{ "/run/systemd/resolve", false },
	{ "/dev/urandom", false },
	{ "/dev/null", true },
};

enum { N_LIBRARIES = sizeof(for_libraries) / sizeof(for_libraries[0]) };

static struct sut_err *confine_files(const struct sut_fetcher *fetcher)
{
	const struct sut_config *config = fetcher->config;
	_cleanup_free_ char *mirror = sut_config_path(config, SUT_FOLDER_MIRROR);
	_cleanup_free_ char *outbox = sut_config_path(config, SUT_FOLDER_OUTBOX);
	_cleanup_free_ char *fetched = sut_config_path(config, SUT_FOLDER_FETCHED);
	const char *folder = strncmp(config->url, "file://", 7) == 0 ? config->url + 7 : NULL;
	// A stick comes and goes: what is mounted later is only known by what is above it.
	_cleanup_free_ char *above = config->also ? strdup(config->also) : NULL;
	if (above && strrchr(above, '/') > above)
		*strrchr(above, '/') = 0;
	struct sut_allowed allowed[N_LIBRARIES + SUT_MAX_PROBES + 8] = {
		{ mirror, true },
		{ fetched, true },
		{ fetcher->folder, config->hub != NULL },
		{ outbox, false },
		{ config->root, false },
		{ config->ca_file, false },
		{ above, false },
		{ folder, false },
	};
	bool is_there;

	memcpy(allowed + 8, for_libraries, sizeof(for_libraries));
	for (size_t i = 0; i < config->n_probes; i++)
		allowed[8 + N_LIBRARIES + i].path = config->probes[i].ca_file;
	struct sut_err *err =
		sut_confine_files(allowed, sizeof(allowed) / sizeof(allowed[0]), &is_there);

	if (!err && !is_there)
		sut_log("fetch: this kernel has no Landlock; only users keep its files apart");
	return err;
}

static struct sut_err *open_signals(struct sut_fetcher *fetcher)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	// Before there are threads: each has the mask of who made it.
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	fetcher->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fetcher->signals < 0 ? sut_err_os(errno, "signals") : NULL;
}

static struct sut_err *run(const char *path, int channel)
{
	static struct sut_fetcher fetcher;
	static struct sut_config config;
	static struct sut_rest rest;
	pid_t parent = getppid();
	struct sut_err *err = sut_config_read(path, &config);

	mallopt(M_ARENA_MAX, 1);
	sut_rest_open(&rest);
	fetcher.rest = &rest;
	umask(022);
	fetcher.config = &config;
	fetcher.channel = channel;
	if (!err)
		err = open_signals(&fetcher);
	if (err)
		return err;
	fetcher.token = read_token(&config);
	fetcher.folder = sut_config_path(&config, SUT_FOLDER_IDENTITY);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !fetcher.folder)
		return sut_err_nomem();
	err = confine_files(&fetcher);
	if (!err)
		err = sut_confine_user(config.user);
	// To become another user has undone it (prctl(2)).
	if (!err)
		err = sut_confine_to_parent(parent);
	if (!err)
		err = sut_confine_fetch();
	return err ? err : sut_fetch_run(&fetcher);
}

int main(int argc, char **argv)
{
	char *end;

	if (argc != 3)
		return 2;
	long channel = strtol(argv[2], &end, 10);
	if (*end || channel < 3)
		return 2;
	struct sut_err *err = run(argv[1], channel);
	bool has_failed = err;
	sut_log_err("fetch", err);
	return has_failed;
}
