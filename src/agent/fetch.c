// SPDX-License-Identifier: Apache-2.0
#include "agent/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/log.h"
#include "agent/rest.h"
#include "base/cleanup.h"
#include "base/file.h"

/** The most that an answer may have, bytes. */
enum { MAX_ANSWER = 1024 * 1024 };

int64_t sut_fetcher_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

int64_t sut_fetcher_jitter(int64_t seconds)
{
	uint32_t chance = 0;

	if (getrandom(&chance, sizeof(chance), 0) != sizeof(chance))
		chance = 0;
	return seconds + (int64_t)(chance % 1000) * seconds / 2000;
}

void sut_fetcher_say(const struct sut_fetcher *fetcher, enum sut_message_type type, uint32_t index,
		     uint64_t number, const char *text)
{
	struct sut_message message = sut_message_make(type, index, number, text);

	sut_message_send(fetcher->channel, &message);
}

char *sut_fetcher_path(const struct sut_fetcher *fetcher, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", fetcher->folder, name) < 0 ? NULL : path;
}

bool sut_fetcher_has(const struct sut_fetcher *fetcher, enum sut_errand_kind kind, uint32_t index)
{
	for (size_t i = 0; i < MAX_ERRANDS; i++)
		if (fetcher->errands[i].curl && fetcher->errands[i].kind == kind &&
		    fetcher->errands[i].index == index)
			return true;
	return false;
}

static size_t take_body(char *data, size_t size, size_t n, void *context)
{
	struct sut_errand *errand = context;

	if (errand->body.size + size * n > MAX_ANSWER)
		return 0;
	struct sut_err *err = sut_buf_add(&errand->body, data, size * n);
	bool has_failed = err;
	sut_err_free(err);
	return has_failed ? 0 : size * n;
}

static void end_errand(struct sut_fetcher *fetcher, struct sut_errand *errand)
{
	curl_multi_remove_handle(fetcher->multi, errand->curl);
	curl_easy_cleanup(errand->curl);
	curl_slist_free_all(errand->headers);
	sut_buf_deinit(&errand->body);
	free(errand->sent);
	*errand = (struct sut_errand){ 0 };
}

static void set_common(struct sut_errand *errand, const char *url, long timeout)
{
	CURL *curl = errand->curl;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "sutured/" SUTURE_VERSION);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, timeout);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 4096L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, errand);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, errand->reason);
	if (!errand->sent)
		return;
	errand->headers = curl_slist_append(NULL, "Content-Type: application/json");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, errand->headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(errand->sent));
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, errand->sent);
}

static void set_ca(CURL *curl, const char *path)
{
	curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(curl, CURLOPT_CAINFO, path);
}

// The hub's CA and nobody else's: a certificate that some public authority gave out for its
// name is not believed.
static void set_identity(const struct sut_fetcher *fetcher, CURL *curl)
{
	_cleanup_free_ char *ca = sut_fetcher_path(fetcher, "ca.crt");
	_cleanup_free_ char *certificate = sut_fetcher_path(fetcher, "device.crt");
	_cleanup_free_ char *key = sut_fetcher_path(fetcher, "device.key");

	// So that the next certificate is used soon.
	curl_easy_setopt(curl, CURLOPT_MAXLIFETIME_CONN, 3600L);
	set_ca(curl, ca);
	if (fetcher->is_enrolled) {
		curl_easy_setopt(curl, CURLOPT_SSLCERT, certificate);
		curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
	}
}

void sut_fetcher_begin(struct sut_fetcher *fetcher, enum sut_errand_kind kind, uint32_t index,
		       const char *url, char *body, long timeout)
{
	struct sut_errand *errand = NULL;

	for (size_t i = 0; i < MAX_ERRANDS; i++)
		if (!fetcher->errands[i].curl)
			errand = &fetcher->errands[i];
	if (!errand) {
		free(body);
		return;
	}
	*errand = (struct sut_errand){
		.kind = kind, .index = index, .curl = curl_easy_init(), .sent = body
	};
	if (!errand->curl) {
		free(body);
		return;
	}
	if (kind == SUT_ERRAND_REPORT)
		errand->number = fetcher->report;
	set_common(errand, url, timeout);
	if (kind != SUT_ERRAND_PROBE)
		set_identity(fetcher, errand->curl);
	else if (fetcher->config->probes[index].ca_file)
		set_ca(errand->curl, fetcher->config->probes[index].ca_file);
	curl_easy_setopt(errand->curl, CURLOPT_PRIVATE, errand);
	curl_multi_add_handle(fetcher->multi, errand->curl);
}

static void answer_probe(const struct sut_fetcher *fetcher, const struct sut_errand *errand,
			 long status, const char *why)
{
	bool is_well = status >= 200 && status < 400;
	char text[64];

	snprintf(text, sizeof(text), "it answered %ld", status);
	if (!status)
		sut_fetcher_say(fetcher, SUT_MESSAGE_PROBED, errand->index, 0, why);
	else
		sut_fetcher_say(fetcher, SUT_MESSAGE_PROBED, errand->index, is_well,
				is_well ? "" : text);
}

static void take_answers(struct sut_fetcher *fetcher)
{
	CURLMsg *message;
	int n_left;

	while ((message = curl_multi_info_read(fetcher->multi, &n_left))) {
		struct sut_errand *errand = NULL;
		CURLcode code = message->data.result;
		long status = 0;
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&errand);
		if (code == CURLE_OK)
			curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
		const char *why = *errand->reason ? errand->reason : curl_easy_strerror(code);
		if (errand->kind == SUT_ERRAND_PROBE)
			answer_probe(fetcher, errand, status, why);
		else
			sut_fetcher_hub_answer(fetcher, errand, status, why);
		end_errand(fetcher, errand);
	}
}

static char *read_need(const struct sut_config *config)
{
	_cleanup_free_ char *path = sut_config_path(config, "outbox/need.json");
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = path && access(path, R_OK) == 0 ? sut_file_read(path, &file) : NULL;

	sut_err_free(err);
	return file.view.size ? strndup((const char *)file.view.data, file.view.size) : NULL;
}

static void start_refresh(struct sut_fetcher *fetcher)
{
	pthread_attr_t attributes;

	fetcher->wants_refresh = false;
	fetcher->refreshing.config = fetcher->config;
	fetcher->refreshing.need = read_need(fetcher->config);
	fetcher->refreshing.done = fetcher->pipe[1];
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 512 * 1024);
	int os_errno = pthread_create(&fetcher->thread, &attributes, sut_refresh_work,
				      &fetcher->refreshing);
	pthread_attr_destroy(&attributes);
	fetcher->is_refreshing = os_errno == 0;
	if (os_errno) {
		free(fetcher->refreshing.need);
		fetcher->next_refresh = sut_fetcher_now() + 60;
	}
}

// A server that is in trouble is not asked by all machines each few seconds.
static void finish_refresh(struct sut_fetcher *fetcher)
{
	char byte;
	const char *trouble = fetcher->refreshing.trouble;
	int64_t wait = fetcher->config->refresh;

	if (read(fetcher->pipe[0], &byte, 1) != 1)
		return;
	pthread_join(fetcher->thread, NULL);
	fetcher->is_refreshing = false;
	fetcher->failures = *trouble ? fetcher->failures + 1 : 0;
	if (*trouble) {
		sut_log("refresh: %s", trouble);
		int64_t soon = fetcher->failures < 8 ? INT64_C(5) << fetcher->failures : wait;
		wait = soon < wait ? soon : wait;
	}
	fetcher->next_refresh = sut_fetcher_now() + sut_fetcher_jitter(wait);
	sut_fetcher_say(fetcher, SUT_MESSAGE_MIRROR, 0, !*trouble, trouble);
}

static void start_probe(struct sut_fetcher *fetcher, uint32_t index)
{
	const struct sut_config *config = fetcher->config;

	if (index >= config->n_probes || !config->probes[index].http)
		sut_fetcher_say(fetcher, SUT_MESSAGE_PROBED, index, 0, "there is no such probe");
	else if (!sut_fetcher_has(fetcher, SUT_ERRAND_PROBE, index))
		sut_fetcher_begin(fetcher, SUT_ERRAND_PROBE, index, config->probes[index].http,
				  NULL, config->probes[index].timeout);
}

static void take_message(struct sut_fetcher *fetcher, const struct sut_message *message)
{
	switch ((enum sut_message_type)message->type) {
	case SUT_MESSAGE_HELLO:
		if (fetcher->config->hub)
			sut_fetcher_hub_begin(fetcher);
		fetcher->wants_refresh = true;
		break;
	case SUT_MESSAGE_NEED:
	case SUT_MESSAGE_REFRESH:
		fetcher->wants_refresh = true;
		break;
	case SUT_MESSAGE_REPORT:
		fetcher->report = message->number;
		fetcher->next_report = 0;
		break;
	case SUT_MESSAGE_PROBE:
		start_probe(fetcher, message->index);
		break;
	default:
		break; // the parser lets no other through
	}
}

static struct sut_err *take_messages(struct sut_fetcher *fetcher)
{
	struct sut_message message;
	struct sut_err *err = NULL;
	bool found = true;

	while (!err && found) {
		err = sut_message_receive(fetcher->channel, SUT_PATCH_TO_FETCH, &found, &message);
		if (!err && found)
			take_message(fetcher, &message);
	}
	return err;
}

static void take_signals(struct sut_fetcher *fetcher)
{
	struct signalfd_siginfo info;

	while (read(fetcher->signals, &info, sizeof(info)) == sizeof(info)) {
		fetcher->is_ending |= info.ssi_signo != SIGHUP;
		if (info.ssi_signo != SIGHUP)
			continue;
		// Somebody does not want to wait.
		fetcher->wants_refresh = true;
		fetcher->hub_failures = 0;
		fetcher->next_enrol = fetcher->next_changes = fetcher->next_report = 0;
	}
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int next_due(const struct sut_fetcher *fetcher, int64_t now)
{
	int64_t next = now + 3600;

	if (!fetcher->is_refreshing)
		next = sooner(next, fetcher->next_refresh);
	if (fetcher->config->hub)
		next = sooner(next, sut_fetcher_hub_due(fetcher, now));
	return next <= now ? 0 : (next - now) * 1000 + 20;
}

static struct sut_err *step(struct sut_fetcher *fetcher)
{
	struct curl_waitfd fds[] = { { .fd = fetcher->channel, .events = CURL_WAIT_POLLIN },
				     { .fd = fetcher->signals, .events = CURL_WAIT_POLLIN },
				     { .fd = fetcher->pipe[0], .events = CURL_WAIT_POLLIN } };
	int64_t now = sut_fetcher_now();
	int n_running, n_ready = 0;

	if (!fetcher->is_refreshing && (fetcher->wants_refresh || now >= fetcher->next_refresh))
		start_refresh(fetcher);
	sut_fetcher_hub_tend(fetcher, now);
	curl_multi_perform(fetcher->multi, &n_running);
	int timeout = next_due(fetcher, now);
	curl_multi_poll(fetcher->multi, fds, 3, sut_rest_timeout(fetcher->rest, timeout), &n_ready);
	bool is_quiet = n_ready == 0 && !fetcher->is_refreshing;
	if (sut_rest_waited(fetcher->rest, timeout, is_quiet))
		return sut_err(SUT_E_BUSY, "a hotpatch came while memory was given back");
	curl_multi_perform(fetcher->multi, &n_running);
	take_answers(fetcher);
	take_signals(fetcher);
	finish_refresh(fetcher);
	return take_messages(fetcher);
}

struct sut_err *sut_fetch_run(struct sut_fetcher *fetcher)
{
	struct sut_err *err = NULL;

	if (pipe2(fetcher->pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return sut_err_os(errno, "pipe");
	fetcher->multi = curl_multi_init();
	if (!fetcher->multi)
		return sut_err_nomem();
	// One connection to the hub for the request that is held, one for reports.
	curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, 4L);
	fetcher->wants_refresh = true;
	sut_fetcher_say(fetcher, SUT_MESSAGE_HELLO, 0, 0, NULL);
	if (fetcher->config->hub)
		sut_fetcher_hub_begin(fetcher);
	while (!err && !fetcher->is_ending)
		err = step(fetcher);
	return err;
}
