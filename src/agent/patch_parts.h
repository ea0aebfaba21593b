// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The parts of the patching process, private to it
 *
 *     patch.c        the loop, workers
 *     patch_news.c   what others say: messages, the watcher
 *     patch_guard.c  crashes and probes: what takes a hotpatch out by itself
 */

#include "agent/memory.h"
#include "agent/watcher.h"
#include "process/worker.h"

struct sut_exits;
struct sut_rest;

enum { MAX_FOLLOWED = 512, SUT_TEXT_SIZE = 240 };

/** Where a probe is. */
struct sut_probing {
	int64_t due;             /**< sut_clock() time of the next try. */
	long failures;           /**< In a row. */
	bool is_asked;           /**< A try is under way. */
	int64_t asked;           /**< Since when. */
	bool has_failed;         /**< So it was told; until it is well again. */
	char why[SUT_TEXT_SIZE]; /**< Of the last failure. */
};

/** A patched process that is followed to learn how it ends. */
struct sut_followed {
	int fd; /**< A pidfd; -1: a free place. */
	pid_t pid;
	long long start;
	bool has_ended; /**< But its parent has not asked yet. */
};

/** A crash of which it is not known yet whether the process was patched. */
struct sut_crash {
	pid_t pid; /**< 0: none. */
	int signal;
	int64_t until; /**< sut_clock() time. */
};

enum sut_work { SUT_WORK_NONE, SUT_WORK_ACT, SUT_WORK_TELL };

/** The patching process. */
struct sut_patcher {
	const struct sut_config *config;
	int fetch, commands; /**< Sockets. */
	int signals;         /**< A signalfd. */
	struct sut_rest *rest; /**< Borrowed. */
	struct sut_memory device;
	struct sut_watcher watcher;
	struct sut_exits *exits; /**< Borrowed. */
	struct sut_worker worker;
	enum sut_work work;        /**< Of the worker. */
	json_t *rows, *rows_given; /**< Object by pid: what the watcher told; the second is what
					the worker that runs was given. */
	bool wants_act, wants_refresh, wants_tell, wants_report;
	bool is_untold; /**< Nothing was told since the last look. */
	bool needs; /**< outbox/need.json lists something that has not come yet. */
	bool is_ending;
	int64_t next_act, next_report; /**< sut_clock() time. */
	int64_t act_pause;             /**< Before the next one that the news ask for. */
	int64_t last_act;
	long n_active; /**< Hotpatches that are to stand here; -1: not known yet. */
	/* What is told. */
	char trouble[SUT_TEXT_SIZE]; /**< Why the last refresh failed, or "". */
	char refused[SUT_TEXT_SIZE]; /**< Why what was fetched was refused, or "". */
	char watch_trouble[SUT_TEXT_SIZE];
	char hub_trouble[SUT_TEXT_SIZE]; /**< Why the hub does not listen, or "". */
	json_t *tuf;             /**< Of the last refresh, or NULL. */
	int64_t refreshed;       /**< Time of the last that went well; 0: none. */
	int64_t hub_seen;        /**< 0: never. */
	uint64_t reported;       /**< seq of the report under way; 0: none. */
	uint64_t reported_event; /**< The last event in it. */
	bool must_move;          /**< Packages have to move to the baseline. */
	int64_t moved;           /**< sut_clock() time at which it was last begun; 0: never. */
	bool is_moving;          /**< The package manager works. */
	/* What takes a hotpatch out. */
	struct sut_probing probing[SUT_MAX_PROBES];
	struct sut_followed followed[MAX_FOLLOWED];
	struct sut_crash crashes[16];
};

/** Write an event down; one that cannot be is logged. */
void sut_patcher_event(struct sut_patcher *patcher, const char *type, const char *hotpatch,
		       const char *detail);

/** Take what has come from the other processes. */
sut_check struct sut_err *sut_patcher_hear_fetch(struct sut_patcher *patcher);
sut_check struct sut_err *sut_patcher_hear_main(struct sut_patcher *patcher);
void sut_patcher_hear_watcher(struct sut_patcher *patcher);

/** Ask another process for something: @p type is an enum sut_message_type. */
void sut_patcher_ask(struct sut_patcher *patcher, int type, uint32_t index, uint64_t number);

/** Take news of crashes. */
void sut_patcher_hear_crashes(struct sut_patcher *patcher);

/** A probe has answered. */
void sut_patcher_probed(struct sut_patcher *patcher, uint32_t index, bool is_well, const char *why);

/** Start probes that are due, and judge what has been learned. Returns the seconds until that
 *  is due again, or -1. */
int sut_patcher_guard(struct sut_patcher *patcher);

/** Follow processes that have been patched, where the kernel does not tell of ends. */
void sut_patcher_follow(struct sut_patcher *patcher);
