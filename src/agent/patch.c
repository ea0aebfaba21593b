// SPDX-License-Identifier: Apache-2.0
#include "agent/patch.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "agent/act.h"
#include "agent/confine.h"
#include "agent/files.h"
#include "agent/log.h"
#include "agent/message.h"
#include "agent/patch_parts.h"
#include "agent/rest.h"
#include "agent/runner.h"
#include "agent/tell.h"
#include "base/cleanup.h"
#include "base/time.h"
#include "process/exits.h"

/** Seconds between two looks that nothing has asked for, and the least between two that
 *  something has. */
enum { LOOK_INTERVAL = 300, LOOK_REST = 1, LOOK_REST_MOST = 30, BUSY_REST = 10 };

void sut_patcher_event(struct sut_patcher *patcher, const char *type, const char *hotpatch,
		       const char *detail)
{
	sut_log("%s%s%s: %s", type, hotpatch ? " " : "", hotpatch ? hotpatch : "", detail);
	sut_log_err("event",
		    sut_memory_event(&patcher->device, sut_time_now(), type, hotpatch, detail));
	patcher->wants_tell = patcher->wants_report = true;
}

static void take_events(struct sut_patcher *patcher, const json_t *events)
{
	const json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		const char *hotpatch = json_string_value(json_object_get(event, "hotpatch"));
		const char *type = sut_state_text(event, "type");
		const char *detail = sut_state_text(event, "detail");
		sut_log("%s %s: %s", type, hotpatch ? hotpatch : "", detail);
		sut_log_err("event",
			    sut_memory_event(&patcher->device,
					     json_integer_value(json_object_get(event, "time")),
					     type, hotpatch, detail));
	}
	if (json_array_size(events))
		patcher->wants_report = true;
}

// Events are written before what they tell of counts as told: told twice is better than
// never.
static void take_told(struct sut_patcher *patcher, const json_t *answer)
{
	json_t *json = patcher->device.json, *told = json_object_get(answer, "told");
	const char *release = json_string_value(json_object_get(answer, "release"));
	bool has_all = json_array_size(json_object_get(answer, "need")) == 0;
	bool is_new = false;

	if (told && !json_equal(told, json_object_get(json, "told"))) {
		json_object_set(json, "told", told);
		sut_log_err("state", sut_memory_save(&patcher->device));
	}
	// A device has a release when it has all of it that it needs.
	if (has_all || !release)
		sut_log_err("state", sut_memory_set(&patcher->device, "release", release, &is_new));
	patcher->wants_report |= is_new;
}

static void take_refresh(struct sut_patcher *patcher, const json_t *answer)
{
	json_t *tuf = json_object_get(answer, "refreshed");
	const char *refused = json_string_value(json_object_get(answer, "refused"));

	if (refused && strncmp(refused, patcher->refused, SUT_TEXT_SIZE - 1) != 0) {
		struct sut_message text = sut_message_make(0, 0, 0, refused);
		memcpy(patcher->refused, text.text, sizeof(patcher->refused));
		sut_patcher_event(patcher, "refused", NULL, refused);
	}
	if (!json_is_object(tuf))
		return;
	patcher->refused[0] = 0;
	patcher->refreshed = sut_time_now();
	if (!patcher->tuf || !json_equal(tuf, patcher->tuf))
		sut_patcher_event(patcher, "refreshed", NULL, "new metadata, verified");
	json_decref(patcher->tuf);
	patcher->tuf = json_incref(tuf);
}

static void take_need(struct sut_patcher *patcher, const json_t *need)
{
	patcher->needs = json_array_size(need) > 0;
	if (!patcher->needs)
		return;
	struct sut_err *err = sut_state_write(patcher->config, "outbox/need.json", need, 0640);
	if (!err)
		sut_patcher_ask(patcher, SUT_MESSAGE_NEED, 0, 0);
	sut_log_err("need", err);
}

static void keep_watching(struct sut_patcher *patcher, const json_t *answer)
{
	if (json_is_true(json_object_get(answer, "watched")))
		sut_watcher_reload(&patcher->watcher);
	if (patcher->n_active <= 0)
		sut_watcher_stop(&patcher->watcher);
}

static void take_act(struct sut_patcher *patcher, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	json_t *active = json_object_get(answer, "active");
	int64_t now = sut_clock();

	if (error)
		sut_patcher_event(patcher, "error", NULL, error);
	take_refresh(patcher, answer);
	take_events(patcher, json_object_get(answer, "events"));
	if (!error)
		take_told(patcher, answer);
	take_need(patcher, json_object_get(answer, "need"));
	if (active)
		patcher->n_active = json_integer_value(active);
	keep_watching(patcher, answer);
	patcher->must_move = json_is_true(json_object_get(answer, "move"));
	patcher->next_act = now + LOOK_INTERVAL;
	if (json_integer_value(json_object_get(answer, "busy")) || error)
		patcher->next_act = now + BUSY_REST;
	json_decref(patcher->rows_given);
	patcher->rows_given = NULL;
	patcher->wants_tell = true;
	sut_patcher_follow(patcher);
}

static void take_tell(struct sut_patcher *patcher, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (error) {
		sut_log("story: %s", error);
		patcher->reported = 0;
	} else if (patcher->reported) {
		patcher->reported_event = json_integer_value(json_object_get(answer, "event"));
		sut_patcher_ask(patcher, SUT_MESSAGE_REPORT, 0, patcher->reported);
	}
}

static void finish_work(struct sut_patcher *patcher)
{
	enum sut_work work = patcher->work;
	json_t *answer = NULL;
	struct sut_err *err = sut_worker_finish(&patcher->worker, &answer);

	patcher->work = SUT_WORK_NONE;
	if (err && work == SUT_WORK_ACT) {
		patcher->next_act = sut_clock() + BUSY_REST;
		sut_patcher_event(patcher, "error", NULL, err->msg);
	} else if (!err && work == SUT_WORK_ACT) {
		take_act(patcher, answer);
	} else if (!err) {
		take_tell(patcher, answer);
	}
	sut_err_free(err);
	json_decref(answer);
}

static json_t *time_or_null(int64_t time)
{
	char text[SUT_TIME_SIZE];

	sut_time_format(time, text);
	return time ? json_string(text) : json_null();
}

// What only this process knows, for the story.
static json_t *tell_facts(const struct sut_patcher *patcher)
{
	return json_pack("{s:O?, s:o, s:o, s:s, s:s, s:s, s:s, s:b, s:b, s:i}", "tuf", patcher->tuf,
			 "refreshed", time_or_null(patcher->refreshed), "hub_seen",
			 time_or_null(patcher->hub_seen), "trouble", patcher->trouble, "refused",
			 patcher->refused, "watch_trouble", patcher->watch_trouble, "hub_trouble",
			 patcher->hub_trouble, "watching", patcher->watcher.is_ready, "moving",
			 patcher->is_moving, "pid", (int)getpid());
}

static void start_worker(struct sut_patcher *patcher, enum sut_work work, sut_worker_fn fn,
			 void *context)
{
	struct sut_err *err = sut_worker_start(fn, context, &patcher->worker);

	if (!err)
		patcher->work = work;
	else
		patcher->next_act = sut_clock() + BUSY_REST;
	sut_log_err("worker", err);
}

static void start_act(struct sut_patcher *patcher)
{
	struct sut_act act = { .config = patcher->config,
			       .device = &patcher->device,
			       .rows = patcher->rows,
			       .is_refresh = patcher->wants_refresh };

	patcher->wants_act = patcher->wants_refresh = false;
	patcher->is_untold = true;
	patcher->last_act = sut_clock();
	start_worker(patcher, SUT_WORK_ACT, sut_act_work, &act);
	patcher->rows_given = patcher->rows;
	patcher->rows = json_object();
}

// One report is under way at a time; its number rises for ever.
static void start_tell(struct sut_patcher *patcher, bool is_report)
{
	json_t *facts = tell_facts(patcher), *json = patcher->device.json;
	uint64_t seq = json_integer_value(json_object_get(json, "report")) + 1;
	struct sut_tell tell = { .config = patcher->config,
				 .device = &patcher->device,
				 .facts = facts,
				 .is_report = is_report,
				 .seq = seq };

	if (is_report) {
		json_object_set_new(json, "report", json_integer(seq));
		sut_log_err("state", sut_memory_save(&patcher->device));
		patcher->reported = seq;
		patcher->next_report = sut_clock() + patcher->config->report;
		patcher->wants_report = false;
	}
	patcher->wants_tell = patcher->is_untold = false;
	start_worker(patcher, SUT_WORK_TELL, sut_tell_work, &tell);
	json_decref(facts);
}

// Asked for by news, looks keep a distance, which grows while they keep coming.
static int64_t act_due(struct sut_patcher *patcher)
{
	if (!patcher->wants_act)
		return patcher->next_act;
	int64_t asked = patcher->wants_refresh ? 0 : patcher->last_act + patcher->act_pause;

	return asked < patcher->next_act ? asked : patcher->next_act;
}

// In the window only, and not again and again when it fails.
static void move_packages(struct sut_patcher *patcher)
{
	static const int64_t rest = 3600; // s
	int64_t now = sut_clock();

	if (!patcher->must_move || patcher->is_moving || !patcher->config->window.is_applied ||
	    !sut_window_is_open(&patcher->config->window, sut_time_now()) ||
	    (patcher->moved && now - patcher->moved < rest))
		return;
	patcher->is_moving = true;
	patcher->moved = now;
	sut_patcher_event(patcher, "baseline", NULL, "the packages begin to move");
	sut_patcher_ask(patcher, SUT_MESSAGE_RUN, SUT_RUN_BASELINE, 0);
}

// A report is of a device that the hub knows.
static bool can_report(const struct sut_patcher *patcher)
{
	return patcher->config->hub && *sut_state_text(patcher->device.json, "id");
}

static void start_work(struct sut_patcher *patcher)
{
	int64_t now = sut_clock();
	bool is_report_due =
		can_report(patcher) && (patcher->wants_report || now >= patcher->next_report);

	move_packages(patcher);
	if (patcher->n_active > 0 && !patcher->watcher.pid)
		sut_log_err("watch", sut_watcher_start(patcher->config, &patcher->watcher));
	if (patcher->work != SUT_WORK_NONE)
		return;
	bool is_tell_due = patcher->wants_tell || is_report_due;
	// What a look has found is told before the next one, however soon that is due: where looks
	// take longer than news need to come, one is always due.
	if (now >= act_due(patcher) && !(is_tell_due && patcher->is_untold)) {
		bool is_rush = now - patcher->last_act < 2 * patcher->act_pause;
		patcher->act_pause = is_rush ? 2 * patcher->act_pause : LOOK_REST;
		if (patcher->act_pause > LOOK_REST_MOST)
			patcher->act_pause = LOOK_REST_MOST;
		start_act(patcher);
	} else if (is_tell_due) {
		start_tell(patcher, is_report_due);
	}
}

static void reap(struct sut_patcher *patcher)
{
	int status;

	// Workers are waited for when they have answered; of the others there is this one.
	if (patcher->watcher.pid && waitpid(patcher->watcher.pid, &status, WNOHANG) > 0) {
		sut_patcher_hear_watcher(patcher);
		sut_watcher_ended(&patcher->watcher);
		patcher->wants_act = true;
	}
}

static void take_signals(struct sut_patcher *patcher)
{
	struct signalfd_siginfo info;

	while (read(patcher->signals, &info, sizeof(info)) == sizeof(info))
		patcher->is_ending |= info.ssi_signo != SIGCHLD;
	reap(patcher);
}

enum { FD_SIGNALS, FD_FETCH, FD_MAIN, FD_WATCHER, FD_WORKER, FD_CRASHES, FD_FOLLOWED };

static size_t list_fds(const struct sut_patcher *patcher, struct pollfd *fds)
{
	size_t n = FD_FOLLOWED;

	fds[FD_SIGNALS].fd = patcher->signals;
	fds[FD_FETCH].fd = patcher->fetch;
	fds[FD_MAIN].fd = patcher->commands;
	fds[FD_WATCHER].fd = patcher->watcher.pid ? patcher->watcher.channel : -1;
	fds[FD_WORKER].fd = patcher->work != SUT_WORK_NONE ? patcher->worker.pipe : -1;
	fds[FD_CRASHES].fd = patcher->exits->fd;
	for (size_t i = 0; i < MAX_FOLLOWED; i++)
		if (patcher->followed[i].fd >= 0 && !patcher->followed[i].has_ended)
			fds[n++].fd = patcher->followed[i].fd;
	for (size_t i = 0; i < n; i++) {
		fds[i].events = POLLIN;
		fds[i].revents = 0;
	}
	return n;
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

// Milliseconds until there is something to do without being woken.
static int next_due(struct sut_patcher *patcher)
{
	int64_t now = sut_clock(), next = now + 3600;
	int guard = sut_patcher_guard(patcher);

	if (patcher->work == SUT_WORK_NONE) {
		next = sooner(next, act_due(patcher));
		if (patcher->wants_tell || (can_report(patcher) && patcher->wants_report))
			next = now;
		if (can_report(patcher))
			next = sooner(next, patcher->next_report);
	}
	if (patcher->n_active > 0 && !patcher->watcher.pid)
		next = sooner(next, now + 1);
	if (guard >= 0)
		next = sooner(next, now + guard);
	return next <= now ? 0 : (next - now) * 1000 + 20;
}

static struct sut_err *step(struct sut_patcher *patcher)
{
	struct pollfd fds[FD_FOLLOWED + MAX_FOLLOWED];
	size_t n = list_fds(patcher, fds);
	int timeout = next_due(patcher);
	int n_ready = poll(fds, n, sut_rest_timeout(patcher->rest, timeout));

	if (n_ready < 0 && errno != EINTR)
		return sut_err_os(errno, "poll");
	bool is_quiet = n_ready == 0 && patcher->work == SUT_WORK_NONE;
	if (sut_rest_waited(patcher->rest, timeout, is_quiet))
		return sut_err(SUT_E_BUSY, "a hotpatch came while memory was given back");
	take_signals(patcher);
	// Before crashes: who crashed may have been patched just before.
	sut_patcher_hear_watcher(patcher);
	sut_patcher_hear_crashes(patcher);
	struct sut_err *err = sut_patcher_hear_fetch(patcher);
	if (!err)
		err = sut_patcher_hear_main(patcher);
	if (!err && fds[FD_WORKER].fd >= 0 && fds[FD_WORKER].revents)
		finish_work(patcher);
	return err;
}

// Before the first fetch there is nothing to verify.
static bool has_mirror(const struct sut_config *config)
{
	_cleanup_free_ char *path = sut_config_path(config, "mirror/metadata/timestamp.json");

	return path && access(path, F_OK) == 0;
}

static struct sut_err *begin(struct sut_patcher *patcher)
{
	sigset_t set;
	struct sut_err *err;

	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 64 * 1024);
	sut_rest_open(patcher->rest);
	err = sut_exits_open(patcher->exits);
	// Where the kernel does not tell, single processes are followed.
	sut_err_free(err);
	err = sut_confine_capabilities();
	if (!err)
		err = sut_confine_patch();
	if (!err)
		err = sut_memory_init(patcher->config, &patcher->device);
	if (err)
		return err;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	patcher->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (patcher->signals < 0)
		return sut_err_os(errno, "signals");
	for (size_t i = 0; i < MAX_FOLLOWED; i++)
		patcher->followed[i].fd = -1;
	// What was verified before counts at once; the mirror is looked at too.
	patcher->wants_act = true;
	patcher->wants_refresh = has_mirror(patcher->config);
	sut_patcher_ask(patcher, SUT_MESSAGE_HELLO, 0, 0);
	return NULL;
}

// What is under way is finished: it leaves no target half-way, and what it has done is told.
static void end(struct sut_patcher *patcher)
{
	int status;

	sut_watcher_stop(&patcher->watcher);
	while (patcher->work != SUT_WORK_NONE)
		finish_work(patcher);
	if (patcher->watcher.pid)
		while (waitpid(patcher->watcher.pid, &status, 0) < 0 && errno == EINTR)
			;
}

struct sut_err *sut_patch_run(const struct sut_config *config, int fetch, int commands)
{
	static struct sut_patcher patcher; // large; one for each process
	struct sut_exits exits = { .fd = -1 };
	struct sut_rest rest;
	struct sut_err *err;

	patcher = (struct sut_patcher){ .config = config,
					.fetch = fetch,
					.commands = commands,
					.watcher.channel = -1,
					.rest = &rest,
					.exits = &exits,
					.rows = json_object(),
					.act_pause = LOOK_REST,
					.n_active = -1 };
	err = begin(&patcher);
	while (!err && !patcher.is_ending) {
		start_work(&patcher);
		err = step(&patcher);
	}
	end(&patcher);
	return err;
}
