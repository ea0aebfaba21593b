// SPDX-License-Identifier: Apache-2.0
#include "agent/watcher.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "agent/catalogue.h"
#include "agent/confine.h"
#include "agent/files.h"
#include "agent/rest.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/apply.h"
#include "engine/watch.h"
#include "patch/patch.h"
#include "process/execs.h"

enum { MAX_EVENT = 16384 };

static volatile sig_atomic_t is_over, has_news;

static void take_signal(int signal)
{
	if (signal == SIGUSR1)
		has_news = 1;
	else
		is_over = 1;
}

/** What is watched for. */
struct set {
	struct sut_apply apply;
	struct sut_patch *patches; /**< Owned. */
};

/** The watcher, in its own process. */
struct watcher {
	const struct sut_config *config;
	int channel;
	struct set *now, *before; /**< Owned; the one before lives until it is not used. */
	struct sut_rest rest;
};

static void free_set(struct set *set)
{
	for (size_t i = 0; set && i < set->apply.n_patches; i++)
		sut_patch_deinit(&set->patches[i]);
	if (set)
		free(set->patches);
	free(set);
}

static struct sut_err *read_one(const struct sut_config *config, const json_t *one,
				struct sut_patch *ret)
{
	_cleanup_free_ char *path = sut_known_path(config, sut_state_text(one, "sha256"));
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = path ? sut_file_read(path, &file) : sut_err_nomem();

	return err ? err : sut_patch_read(file.view, ret);
}

static struct sut_err *read_set(const struct sut_config *config, struct set **ret)
{
	_cleanup_json_ json_t *active = NULL;
	struct sut_err *err = sut_state_read(config, "trust/active.json", &active);
	struct set *set = calloc(1, sizeof(*set));
	const json_t *one;
	size_t i;

	if (err || !set) {
		free(set);
		return err ? err : sut_err_nomem();
	}
	set->apply.timeout = UINT64_C(2000000000); // ns
	set->patches = calloc(json_array_size(active) + 1, sizeof(*set->patches));
	set->apply.patches = set->patches;
	json_array_foreach(active, i, one)
	{
		if (!err && set->patches)
			err = read_one(config, one, &set->patches[set->apply.n_patches]);
		set->apply.n_patches += !err && set->patches;
	}
	if (!err)
		err = set->patches ? sut_apply_check(&set->apply) : sut_err_nomem();
	if (err)
		free_set(set);
	else
		*ret = set;
	return err;
}

// A packet that does not go is dropped: whoever waits for the reader keeps openers
// waiting, and the next look sees it all.
static void tell(const struct watcher *watcher, json_t *event)
{
	_cleanup_free_ char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;

	if (text && strlen(text) <= MAX_EVENT)
		send(watcher->channel, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
	json_decref(event);
}

static void tell_event(const json_t *event, void *context)
{
	json_t *copy = json_copy((json_t *)event);

	json_object_del(copy, "blocker");
	tell(context, copy);
}

// Asked before each wait. With nothing to watch for it is over.
static const struct sut_apply *current(void *context)
{
	struct watcher *watcher = context;
	struct set *set = NULL;

	if (!has_news)
		return &watcher->now->apply;
	has_news = 0;
	struct sut_err *err = read_set(watcher->config, &set);
	if (err) {
		tell(watcher, json_pack("{s:s, s:s}", "event", "unread", "reason", err->msg));
		sut_err_free(err);
		return &watcher->now->apply;
	}
	free_set(watcher->before);
	watcher->before = watcher->now;
	watcher->now = set;
	if (!set->apply.n_patches)
		is_over = 1;
	return &set->apply;
}

static void rest(void *context)
{
	struct watcher *watcher = context;

	// A hotpatch came into this process meanwhile: the next one begins without doubt.
	if (sut_rest_now(&watcher->rest))
		is_over = 1;
}

// Where the kernel tells of executed programs, scans are only for what that misses.
static uint64_t choose_interval(void)
{
	static const uint64_t second = UINT64_C(1000000000);
	struct sut_execs execs = { .fd = -1 };
	struct sut_err *err = sut_execs_open(&execs);
	bool is_told = !err;

	sut_err_free(err);
	sut_execs_close(&execs);
	return is_told ? 120 * second : 5 * second;
}

static int run(const struct sut_config *config, int channel, pid_t parent)
{
	struct sigaction action = { .sa_handler = take_signal };
	struct watcher watcher = { .config = config, .channel = channel };
	struct sut_err *err = sut_confine_to_parent(parent);

	prctl(PR_SET_NAME, "sutured-watch");
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	sut_rest_open(&watcher.rest);
	if (!err)
		err = read_set(config, &watcher.now);
	struct sut_watch watch = { .current = current,
				   .interval = choose_interval(),
				   .has_net = true,
				   .cancel = &is_over,
				   .tell = tell_event,
				   .rest = rest,
				   .context = &watcher };
	if (!err)
		err = sut_watch_run(&watch);
	tell(&watcher, json_pack("{s:s, s:s}", "event", "ended", "reason", err ? err->msg : ""));
	bool has_failed = err;
	sut_err_free(err);
	return has_failed;
}

struct sut_err *sut_watcher_start(const struct sut_config *config, struct sut_watcher *ret)
{
	int pair[2];
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return sut_err_os(errno, "make a pair of sockets");
	pid_t pid = fork();
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		close(pair[0]);
		sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(run(config, pair[1], parent));
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return sut_err_os(errno, "start the watcher");
	}
	*ret = (struct sut_watcher){ pid, pair[0], false };
	return NULL;
}

void sut_watcher_reload(struct sut_watcher *watcher)
{
	watcher->is_ready = false;
	if (watcher->pid)
		kill(watcher->pid, SIGUSR1);
}

void sut_watcher_stop(const struct sut_watcher *watcher)
{
	if (watcher->pid)
		kill(watcher->pid, SIGTERM);
}

void sut_watcher_ended(struct sut_watcher *watcher)
{
	if (watcher->channel >= 0)
		close(watcher->channel);
	*watcher = (struct sut_watcher){ .channel = -1 };
}

json_t *sut_watcher_next(const struct sut_watcher *watcher)
{
	char text[MAX_EVENT + 1];
	ssize_t size =
		watcher->channel < 0 ? 0 : recv(watcher->channel, text, sizeof(text), MSG_DONTWAIT);

	return size > 0 ? json_loadb(text, size, 0, NULL) : NULL;
}
