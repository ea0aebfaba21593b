// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/fetch.h"
#include "agent/files.h"
#include "agent/log.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"

/** Seconds: for how long the hub may hold a request, and what other ones take at most. */
enum { HOLD_LIMIT = 75, SHORT_LIMIT = 30, LONGEST_WAIT = 60 };

static char *url_of(const struct sut_fetcher *fetcher, const char *path)
{
	const char *hub = fetcher->config->hub;
	size_t n = strlen(hub);
	char *url;

	n -= n && hub[n - 1] == '/';
	return asprintf(&url, "%.*s/api/v1%s", (int)n, hub, path) < 0 ? NULL : url;
}

static bool has_identity(const struct sut_fetcher *fetcher)
{
	static const char *const names[] = { "ca.crt", "device.crt", "device.key" };
	bool is_there = true;

	for (size_t i = 0; i < 3; i++) {
		_cleanup_free_ char *path = sut_fetcher_path(fetcher, names[i]);
		is_there &= path && access(path, R_OK) == 0;
	}
	return is_there;
}

// When a third of its life is left, and never all devices at once.
static void plan_renewal(struct sut_fetcher *fetcher)
{
	const struct sut_certificate *certificate = &fetcher->certificate;
	int64_t life = certificate->until - certificate->from;

	fetcher->renewal = certificate->until - life / 3 + sut_fetcher_jitter(life / 6) - life / 6;
}

static void tell_expired(const struct sut_fetcher *fetcher)
{
	char date[SUT_TIME_SIZE], text[SUT_MESSAGE_TEXT];

	sut_time_format(fetcher->certificate.until, date);
	snprintf(text, sizeof(text),
		 "this device's certificate has ended on %.10s, the hub does not listen to it: "
		 "write a "
		 "new enrolment token into [hub] token_file and restart sutured",
		 date);
	sut_log("%s", text);
	sut_fetcher_say(fetcher, SUT_MESSAGE_EXPIRED, 0, 0, text);
}

void sut_fetcher_hub_begin(struct sut_fetcher *fetcher)
{
	struct sut_err *err;

	fetcher->is_enrolled = false;
	if (!has_identity(fetcher))
		return;
	err = sut_identity_read(fetcher->folder, &fetcher->certificate);
	if (err) {
		sut_log_err("hub", err);
		return;
	}
	if (fetcher->certificate.until <= time(NULL)) {
		tell_expired(fetcher);
		return;
	}
	fetcher->is_enrolled = true;
	plan_renewal(fetcher);
	// It may have been stored without anybody being told.
	sut_fetcher_say(fetcher, SUT_MESSAGE_ENROLLED, 0, 0, fetcher->certificate.device);
}

int64_t sut_fetcher_hub_due(const struct sut_fetcher *fetcher, int64_t now)
{
	int64_t next = now + 3600, ahead = fetcher->renewal - time(NULL);
	int64_t renewal = ahead > 0 ? now + ahead : now;

	if (!fetcher->is_enrolled)
		return sut_fetcher_has(fetcher, SUT_ERRAND_ENROL, 0) ? next : fetcher->next_enrol;
	if (renewal < fetcher->next_renewal)
		renewal = fetcher->next_renewal;
	if (!sut_fetcher_has(fetcher, SUT_ERRAND_RENEW, 0) && renewal < next)
		next = renewal;
	if (!sut_fetcher_has(fetcher, SUT_ERRAND_CHANGES, 0) && fetcher->next_changes < next)
		next = fetcher->next_changes;
	if (fetcher->report && !sut_fetcher_has(fetcher, SUT_ERRAND_REPORT, 0) &&
	    fetcher->next_report < next)
		next = fetcher->next_report;
	return next;
}

// Longer with each failure, up to a minute, and never all machines at once.
static int64_t back_off(struct sut_fetcher *fetcher)
{
	unsigned n = fetcher->hub_failures < 6 ? fetcher->hub_failures : 6;
	int64_t wait = INT64_C(1) << n;

	fetcher->hub_failures++;
	return sut_fetcher_jitter(wait < LONGEST_WAIT ? wait : LONGEST_WAIT);
}

static void take_enrolment(struct sut_fetcher *fetcher, const json_t *answer)
{
	struct sut_err *err = sut_identity_take(fetcher->folder, fetcher->token, answer);

	if (err) {
		sut_log_err("enrolment", err);
		return;
	}
	sut_fetcher_hub_begin(fetcher);
	sut_log("enrolled as %s", sut_state_text(answer, "device"));
}

static void take_renewal(struct sut_fetcher *fetcher, const json_t *answer)
{
	struct sut_err *err =
		sut_identity_take_next(fetcher->folder, answer, &fetcher->certificate);

	if (err) {
		fetcher->next_renewal = sut_fetcher_now() + back_off(fetcher);
		sut_log_err("renewal", err);
		return;
	}
	plan_renewal(fetcher);
	sut_log("the hub has renewed this device's certificate");
}

static void take_report(struct sut_fetcher *fetcher, const struct sut_errand *errand,
			const json_t *answer)
{
	const json_t *hold = json_object_get(answer, "hold");
	uint64_t flags = SUT_HUB_IS_THERE;
	const char *ring = sut_state_text(answer, "ring");

	flags |= json_is_object(hold) ? SUT_HUB_ON_HOLD : 0;
	flags |= json_is_true(json_object_get(answer, "paused")) ? SUT_HUB_PAUSED : 0;
	if (*ring)
		sut_fetcher_say(fetcher, SUT_MESSAGE_RING, 0, 0, ring);
	sut_fetcher_say(fetcher, SUT_MESSAGE_HUB, 0, flags, sut_state_text(hold, "reason"));
	sut_fetcher_say(fetcher, SUT_MESSAGE_ACK, 0, errand->number, NULL);
	if (fetcher->report == errand->number)
		fetcher->report = 0;
}

// Something was published, or decided about this device: both are looked at.
static void take_changes(struct sut_fetcher *fetcher, const json_t *answer)
{
	uint64_t change = json_integer_value(json_object_get(answer, "change"));

	if (change != fetcher->change && fetcher->change)
		fetcher->wants_refresh = true;
	if (change != fetcher->change) {
		sut_fetcher_say(fetcher, SUT_MESSAGE_HELLO, 0, 0, NULL); // so it reports anew
		fetcher->wants_refresh = true;
	}
	fetcher->change = change;
}

static void take_failure(struct sut_fetcher *fetcher, const struct sut_errand *errand, long status,
			 int64_t now, const char *why)
{
	static const char *const what[] = { "enrolment", "report", "news", "probe", "renewal" };
	int64_t next = now + back_off(fetcher);
	char text[64];

	snprintf(text, sizeof(text), "the hub answered %ld", status);
	if (fetcher->hub_failures == 1 || status)
		sut_log("%s: %s%s%.*s", what[errand->kind], status ? text : why, status ? ": " : "",
			(int)(status ? errand->body.size < 300 ? errand->body.size : 300 : 0),
			(const char *)errand->body.data);
	if (errand->kind == SUT_ERRAND_ENROL)
		fetcher->next_enrol = next;
	if (errand->kind == SUT_ERRAND_REPORT)
		fetcher->next_report = next;
	if (errand->kind == SUT_ERRAND_CHANGES)
		fetcher->next_changes = next;
	if (errand->kind == SUT_ERRAND_RENEW)
		fetcher->next_renewal = next;
}

void sut_fetcher_hub_answer(struct sut_fetcher *fetcher, const struct sut_errand *errand,
			    long status, const char *why)
{
	_cleanup_json_ json_t *answer = NULL;
	int64_t now = sut_fetcher_now();
	struct sut_err *err = NULL;

	if (status == 200 || status == 201)
		err = sut_json_parse(sut_buf_view(&errand->body), &answer);
	if (err || !answer) {
		take_failure(fetcher, errand, status, now, err ? err->msg : why);
		sut_err_free(err);
		return;
	}
	fetcher->hub_failures = 0;
	if (errand->kind == SUT_ERRAND_ENROL) {
		fetcher->next_enrol = now + LONGEST_WAIT;
		take_enrolment(fetcher, answer);
	} else if (errand->kind == SUT_ERRAND_RENEW) {
		take_renewal(fetcher, answer);
	} else if (errand->kind == SUT_ERRAND_REPORT) {
		take_report(fetcher, errand, answer);
	} else {
		take_changes(fetcher, answer);
	}
}

static void start_enrolment(struct sut_fetcher *fetcher, int64_t now)
{
	_cleanup_free_ char *url = url_of(fetcher, "/enroll");
	char *body = NULL;

	fetcher->next_enrol = now + back_off(fetcher);
	if (!fetcher->token || !url) {
		sut_log("enrolment: [hub] token_file is not there");
		return;
	}
	struct sut_err *err =
		sut_identity_begin(fetcher->folder, fetcher->config, fetcher->token, &body);
	if (err) {
		sut_log_err("enrolment", err);
		return;
	}
	sut_fetcher_begin(fetcher, SUT_ERRAND_ENROL, 0, url, body, SHORT_LIMIT);
}

static void start_report(struct sut_fetcher *fetcher)
{
	_cleanup_free_ char *url = url_of(fetcher, "/device/report");
	_cleanup_free_ char *path = sut_config_path(fetcher->config, "outbox/report.json");
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = url && path ? sut_file_read(path, &file) : sut_err_nomem();

	char *body = err ? NULL : strndup((const char *)file.view.data, file.view.size);
	if (body)
		sut_fetcher_begin(fetcher, SUT_ERRAND_REPORT, 0, url, body, SHORT_LIMIT);
	else
		fetcher->report = 0;
	sut_log_err("report", err);
}

static void start_changes(struct sut_fetcher *fetcher)
{
	char path[64];

	snprintf(path, sizeof(path), "/device/changes?since=%llu",
		 (unsigned long long)fetcher->change);
	_cleanup_free_ char *url = url_of(fetcher, path);
	if (url)
		sut_fetcher_begin(fetcher, SUT_ERRAND_CHANGES, 0, url, NULL, HOLD_LIMIT);
}

static void start_renewal(struct sut_fetcher *fetcher, int64_t now)
{
	_cleanup_free_ char *url = url_of(fetcher, "/device/renew");
	char *body = NULL;
	struct sut_err *err = url ? sut_identity_renew(fetcher->folder, &body) : sut_err_nomem();

	fetcher->next_renewal = now + LONGEST_WAIT;
	if (!err)
		sut_fetcher_begin(fetcher, SUT_ERRAND_RENEW, 0, url, body, SHORT_LIMIT);
	sut_log_err("renewal", err);
}

// Clocks are set: whether a certificate is good is looked at time and again.
static void tend_certificate(struct sut_fetcher *fetcher, int64_t now)
{
	int64_t time_now = time(NULL);

	if (fetcher->certificate.until <= time_now) {
		fetcher->is_enrolled = false;
		tell_expired(fetcher);
	} else if (fetcher->renewal <= time_now && now >= fetcher->next_renewal &&
		   !sut_fetcher_has(fetcher, SUT_ERRAND_RENEW, 0)) {
		start_renewal(fetcher, now);
	}
}

void sut_fetcher_hub_tend(struct sut_fetcher *fetcher, int64_t now)
{
	if (!fetcher->config->hub)
		return;
	if (fetcher->is_enrolled)
		tend_certificate(fetcher, now);
	if (!fetcher->is_enrolled) {
		if (now >= fetcher->next_enrol && !sut_fetcher_has(fetcher, SUT_ERRAND_ENROL, 0))
			start_enrolment(fetcher, now);
		return;
	}
	if (fetcher->report && now >= fetcher->next_report &&
	    !sut_fetcher_has(fetcher, SUT_ERRAND_REPORT, 0))
		start_report(fetcher);
	if (now >= fetcher->next_changes && !sut_fetcher_has(fetcher, SUT_ERRAND_CHANGES, 0))
		start_changes(fetcher);
}
