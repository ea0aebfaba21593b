// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The network process
 *
 *     refresh   a thread: the repository, or a folder ──► mirror/
 *     hub       enrol once · report · a request that is held open until there is news
 *     probes    HTTP health probes
 *
 * It has no rights, and nobody believes what it says: metadata and hotpatches are
 * verified by the patching process, and of the hub's word only what a hub may decide is
 * taken.
 */

#include <curl/curl.h>
#include <pthread.h>
#include <stdbool.h>

#include "agent/identity.h"
#include "agent/message.h"
#include "base/buf.h"

struct sut_config;
struct sut_rest;

enum sut_errand_kind {
	SUT_ERRAND_ENROL,
	SUT_ERRAND_REPORT,
	SUT_ERRAND_CHANGES,
	SUT_ERRAND_PROBE,
	SUT_ERRAND_RENEW
};

/** A request that is under way. */
struct sut_errand {
	enum sut_errand_kind kind;
	uint32_t index;  /**< Of a probe. */
	uint64_t number; /**< Of a report. */
	CURL *curl;      /**< Owned; NULL: a free place. */
	struct curl_slist *headers;
	struct sut_buf body; /**< What came. */
	char *sent;          /**< What is sent, owned. */
	char reason[CURL_ERROR_SIZE];
};

/** A refresh, in its thread. */
struct sut_refreshing {
	const struct sut_config *config;
	char *need; /**< Text of outbox/need.json, or NULL. Owned by the thread. */
	int done;   /**< A byte is written here at the end. */
	char trouble[SUT_MESSAGE_TEXT]; /**< Why it failed, or "". */
};

enum { MAX_ERRANDS = 16 };

/** The network process. */
struct sut_fetcher {
	const struct sut_config *config;
	char *token;  /**< Of the enrolment, or NULL. */
	char *folder; /**< identity/. */
	int channel;  /**< To the patching process. */
	int signals;
	struct sut_rest *rest; /**< Borrowed. */
	CURLM *multi;
	struct sut_errand errands[MAX_ERRANDS];
	/* The refresh. */
	pthread_t thread;
	struct sut_refreshing refreshing;
	int pipe[2];
	bool is_refreshing, wants_refresh;
	int64_t next_refresh; /**< Time, s, of a clock that nobody sets. */
	unsigned failures;    /**< Refreshes in a row. */
	/* The hub. */
	bool is_enrolled;
	struct sut_certificate certificate;
	int64_t renewal; /**< When it is to be renewed, seconds since 1970. */
	int64_t next_enrol, next_changes, next_report, next_renewal;
	unsigned hub_failures;
	uint64_t change; /**< The last that was seen. */
	uint64_t report; /**< That is to be sent; 0: none. */
	bool is_ending;
};

/** Run until SIGTERM. Everything is open and confined already. */
sut_check struct sut_err *sut_fetch_run(struct sut_fetcher *fetcher);

/** Seconds of a clock that nobody sets. */
int64_t sut_fetcher_now(void);

/** Say something to the patching process. */
void sut_fetcher_say(const struct sut_fetcher *fetcher, enum sut_message_type type, uint32_t index,
		     uint64_t number, const char *text);

/** @p seconds and up to half of that more, by chance: machines that were started together
 *  do not come together. */
int64_t sut_fetcher_jitter(int64_t seconds);

/** Begin a request to @p url; @p body is what is posted, or NULL, and taken over. The hub's
 *  are made with the device's certificate. */
void sut_fetcher_begin(struct sut_fetcher *fetcher, enum sut_errand_kind kind, uint32_t index,
		       const char *url, char *body, long timeout);

/** Is one of this kind under way? */
bool sut_fetcher_has(const struct sut_fetcher *fetcher, enum sut_errand_kind kind, uint32_t index);

/** A request of the hub's has ended with @p status (0: no answer). */
void sut_fetcher_hub_answer(struct sut_fetcher *fetcher, const struct sut_errand *errand,
			    long status, const char *why);

/** Start what the hub is to be asked now. */
void sut_fetcher_hub_tend(struct sut_fetcher *fetcher, int64_t now);

/** Look whether there is a certificate that is good, and when it is to be renewed. */
void sut_fetcher_hub_begin(struct sut_fetcher *fetcher);

/** When the hub is to be asked the next time, at @p now or later. */
int64_t sut_fetcher_hub_due(const struct sut_fetcher *fetcher, int64_t now);

/** A path of identity/, owned by the caller. */
char *sut_fetcher_path(const struct sut_fetcher *fetcher, const char *name);

/** Refresh (a thread's function; the argument is a struct sut_refreshing). */
void *sut_refresh_work(void *refreshing);
