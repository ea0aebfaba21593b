// SPDX-License-Identifier: Apache-2.0
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/inventory.h"
#include "agent/log.h"
#include "agent/message.h"
#include "agent/patch_parts.h"
#include "agent/runner.h"
#include "base/json.h"
#include "base/time.h"
#include "process/exits.h"

/** For how long it may take until it is known that a process which crashed was patched; and
 *  after how long a probe that did not answer is asked again, s. */
enum { CRASH_MEMORY = 10, PROBE_LOST = 30 };

// Keep @hotpatch out of this machine. What stands is taken out by the next look, which is
// at once.
static void hold(struct sut_patcher *patcher, const json_t *one, const char *reason,
		 const char *detail)
{
	json_t *held = json_object_get(patcher->device.json, "held");
	const char *hotpatch = sut_state_text(one, "hotpatch");
	char now[SUT_TIME_SIZE];

	if (json_object_get(held, hotpatch) &&
	    strcmp(sut_state_text(json_object_get(held, hotpatch), "sha256"),
		   sut_state_text(one, "sha256")) == 0)
		return;
	sut_time_format(sut_time_now(), now);
	json_object_set_new(held, hotpatch,
			    json_pack("{s:s, s:s, s:s, s:s, s:s}", "sha256",
				      sut_state_text(one, "sha256"), "reason", reason, "detail",
				      detail, "since", now, "release",
				      sut_state_text(one, "release")));
	sut_log_err("state", sut_memory_save(&patcher->device));
	sut_patcher_event(patcher, reason, hotpatch, detail);
	sut_patcher_event(patcher, "held", hotpatch,
			  "taken out and kept out of this machine until there is another one");
	patcher->wants_act = true;
	patcher->next_act = 0;
}

static bool is_recent(const json_t *one, long seconds)
{
	int64_t at = json_integer_value(json_object_get(one, "at")), now = sut_time_now();

	return now - at <= seconds && at - now <= seconds;
}

// Was the process patched, and when? The watcher knows it first.
static bool judge_crash(struct sut_patcher *patcher, pid_t pid, int signal)
{
	json_t *told = json_object_get(patcher->device.json, "told"), *one;
	const char *key;
	char detail[200];
	bool is_known = false;
	void *next;

	json_object_foreach_safe(told, next, key, one)
	{
		if (json_integer_value(json_object_get(one, "pid")) != pid)
			continue;
		is_known = true;
		if (!is_recent(one, patcher->config->watch))
			continue;
		snprintf(detail, sizeof(detail), "process %d (%.100s) was ended by signal %d (%s)",
			 (int)pid, sut_state_text(one, "name"), signal, strsignal(signal));
		hold(patcher, one, "crash", detail);
	}
	return is_known;
}

// What trust/active.json says of a hotpatch, as `hold` wants it.
static json_t *find_active(const struct sut_patcher *patcher, const char *hotpatch)
{
	_cleanup_json_ json_t *active = NULL;
	json_t *found = NULL, *one;
	size_t i;

	sut_err_free(sut_state_read(patcher->config, "trust/active.json", &active));
	json_array_foreach(active, i, one)
	{
		if (strcmp(sut_state_text(one, "name"), hotpatch) == 0)
			found = json_pack("{s:s, s:s, s:s}", "hotpatch", hotpatch, "sha256",
					  sut_state_text(one, "sha256"), "release",
					  sut_state_text(one, "release"));
	}
	return found;
}

// One that the watcher patched as it started, and that ended before anybody looked: which
// hotpatches are its row's.
static bool judge_row(struct sut_patcher *patcher, pid_t pid, int signal)
{
	json_t *sets[] = { patcher->rows, patcher->rows_given };
	char key[16], detail[200];
	bool is_known = false;

	snprintf(key, sizeof(key), "%d", (int)pid);
	for (size_t i = 0; i < 2; i++) {
		const json_t *row = json_object_get(sets[i], key);
		if (!row || strcmp(sut_state_text(row, "outcome"), "patched") != 0)
			continue;
		char *names = strdup(sut_state_text(row, "hotpatches")), *rest = names;
		const char *name;
		snprintf(detail, sizeof(detail), "process %d (%.100s) was ended by signal %d (%s)",
			 (int)pid, sut_state_text(row, "name"), signal, strsignal(signal));
		while (names && (name = strsep(&rest, ", "))) {
			_cleanup_json_ json_t *one = find_active(patcher, name);
			is_known = true;
			if (one)
				hold(patcher, one, "crash", detail);
		}
		free(names);
	}
	return is_known;
}

static void take_crash(struct sut_patcher *patcher, pid_t pid, int signal)
{
	if (judge_crash(patcher, pid, signal) || judge_row(patcher, pid, signal))
		return;
	for (size_t i = 0; i < sizeof(patcher->crashes) / sizeof(patcher->crashes[0]); i++) {
		struct sut_crash *crash = &patcher->crashes[i];
		if (crash->pid == pid)
			return;
		if (!crash->pid) {
			*crash = (struct sut_crash){ pid, signal, sut_clock() + CRASH_MEMORY };
			return;
		}
	}
}

static void ask_followed(struct sut_patcher *patcher)
{
	for (size_t i = 0; i < MAX_FOLLOWED; i++) {
		struct sut_followed *followed = &patcher->followed[i];
		int signal = 0;
		if (followed->fd < 0)
			continue;
		enum sut_exit_news news = sut_exits_ask(followed->fd, &signal);
		bool is_alive =
			sut_inventory_start(followed->pid) == (unsigned long long)followed->start;
		// Until its parent has asked how it ended, nobody is told, and the descriptor
		// is readable all the time.
		struct pollfd end = { .fd = followed->fd, .events = POLLIN };
		followed->has_ended = poll(&end, 1, 0) == 1;
		if (news == SUT_EXIT_NOT_YET && is_alive)
			continue;
		if (news == SUT_EXIT_KNOWN && sut_exits_is_crash(signal))
			take_crash(patcher, followed->pid, signal);
		if (news == SUT_EXIT_UNKNOWN && is_alive)
			continue;
		close(followed->fd);
		followed->fd = -1;
	}
}

void sut_patcher_hear_crashes(struct sut_patcher *patcher)
{
	pid_t pid;
	int signal;

	while (patcher->exits->fd >= 0 && sut_exits_next(patcher->exits, &pid, &signal))
		take_crash(patcher, pid, signal);
	if (patcher->exits->fd < 0)
		ask_followed(patcher);
}

static bool is_followed(const struct sut_patcher *patcher, pid_t pid,
			struct sut_followed **free_ret)
{
	*free_ret = NULL;
	for (size_t i = 0; i < MAX_FOLLOWED; i++) {
		struct sut_followed *followed = (struct sut_followed *)&patcher->followed[i];
		if (followed->fd >= 0 && followed->pid == pid)
			return true;
		if (followed->fd < 0)
			*free_ret = followed;
	}
	return false;
}

void sut_patcher_follow(struct sut_patcher *patcher)
{
	const json_t *told = json_object_get(patcher->device.json, "told");
	const char *key;
	json_t *one;

	if (patcher->exits->fd >= 0)
		return;
	json_object_foreach((json_t *)told, key, one)
	{
		struct sut_followed *place;
		pid_t pid = json_integer_value(json_object_get(one, "pid"));
		long long start = json_integer_value(json_object_get(one, "start"));
		if (is_followed(patcher, pid, &place) || !place ||
		    !is_recent(one, patcher->config->watch))
			continue;
		int fd = sut_exits_follow(pid);
		if (fd >= 0)
			*place = (struct sut_followed){ fd, pid, start };
	}
}

// Is patched process @one among those that the probe is about?
static bool is_about(const struct sut_probe *probe, const json_t *one)
{
	if (probe->path && strcmp(sut_state_text(one, "path"), probe->path) != 0)
		return false;
	return !probe->unit || strcmp(sut_state_text(one, "unit"), probe->unit) == 0;
}

static bool is_wanted(const struct sut_patcher *patcher, const struct sut_probe *probe)
{
	const json_t *told = json_object_get(patcher->device.json, "told");
	const char *key;
	json_t *one;

	json_object_foreach((json_t *)told, key, one)
	{
		if (is_about(probe, one) && is_recent(one, probe->watch))
			return true;
	}
	return false;
}

static void hold_probed(struct sut_patcher *patcher, const struct sut_probe *probe, const char *why)
{
	json_t *told = json_object_get(patcher->device.json, "told"), *one;
	const char *key;
	char detail[400];
	void *next;

	snprintf(detail, sizeof(detail), "probe %.100s: %.200s", probe->name, why);
	json_object_foreach_safe(told, next, key, one)
	{
		if (is_about(probe, one) && is_recent(one, probe->watch))
			hold(patcher, one, "probe-failed", detail);
	}
}

void sut_patcher_probed(struct sut_patcher *patcher, uint32_t index, bool is_well, const char *why)
{
	if (index >= patcher->config->n_probes)
		return;
	const struct sut_probe *probe = &patcher->config->probes[index];
	struct sut_probing *probing = &patcher->probing[index];

	probing->is_asked = false;
	probing->due = sut_clock() + probe->interval;
	probing->failures = is_well ? 0 : probing->failures + 1;
	if (is_well)
		probing->has_failed = false;
	snprintf(probing->why, sizeof(probing->why), "%s", why);
	if (probing->failures >= probe->failures && !probing->has_failed) {
		probing->has_failed = true;
		hold_probed(patcher, probe, why);
	}
}

static void try_probe(struct sut_patcher *patcher, uint32_t index)
{
	const struct sut_probe *probe = &patcher->config->probes[index];
	struct sut_probing *probing = &patcher->probing[index];

	probing->is_asked = true;
	probing->asked = sut_clock();
	sut_patcher_ask(patcher, probe->http ? SUT_MESSAGE_PROBE : SUT_MESSAGE_RUN, index, 0);
}

int sut_patcher_guard(struct sut_patcher *patcher)
{
	int64_t now = sut_clock(), next = -1;

	for (size_t i = 0; i < MAX_FOLLOWED; i++)
		if (patcher->followed[i].fd >= 0 && patcher->followed[i].has_ended)
			next = 1;
	for (size_t i = 0; i < sizeof(patcher->crashes) / sizeof(patcher->crashes[0]); i++) {
		struct sut_crash *crash = &patcher->crashes[i];
		if (crash->pid &&
		    (judge_crash(patcher, crash->pid, crash->signal) ||
		     judge_row(patcher, crash->pid, crash->signal) || now > crash->until))
			crash->pid = 0;
	}
	for (size_t i = 0; i < patcher->config->n_probes; i++) {
		struct sut_probing *probing = &patcher->probing[i];
		if (!is_wanted(patcher, &patcher->config->probes[i])) {
			probing->failures = 0;
			continue;
		}
		if (probing->is_asked &&
		    now - probing->asked > PROBE_LOST + patcher->config->probes[i].timeout)
			probing->is_asked = false;
		if (!probing->is_asked && now >= probing->due)
			try_probe(patcher, i);
		int64_t left = probing->is_asked ? PROBE_LOST : probing->due - now;
		if (next < 0 || left < next)
			next = left;
	}
	return next;
}
