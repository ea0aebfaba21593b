// SPDX-License-Identifier: Apache-2.0
#include "fleet_device.h"

#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENROLLERS  16
#define MAX_REPORT 8192
#define SECOND     INT64_C(1000000)

enum device_step {
	STEP_NEW,
	STEP_REPORT, // a report is open, or to be sent when due
	STEP_HOLD,   // a held request is open
	STEP_STAMP,  // asks for the metadata, or will when due
};

enum device_state {
	STATE_EXPOSED,
	STATE_IN_PROGRESS,
	STATE_PROTECTED,
	STATE_FAILED,
};

struct device {
	struct fleet *fleet;
	struct link *link;
	EVP_PKEY *key; // by which a hub knows who asks again
	X509 *certificate;
	char id[64], ring[64], boot_id[40];
	size_t number;
	enum device_step step;
	int64_t due;        // when to send what `step` says; 0: it is open
	int64_t report_due; // when to report at the latest
	uint64_t change;    // the hub's, last seen
	uint64_t seq, acknowledged;
	uint64_t event_seq, event_acknowledged; // events in between are still to be sent
	const char *event_type;
	char release[16], hotpatch[128], build_id[80];
	char failed_release[16];
	enum device_state state;
	char proof[65], proof_acknowledged[65];
};

struct fleet {
	struct net *net;
	struct fleet_options options;
	struct fleet_counts counts;
	struct device *devices;
	size_t n_asked; // devices whose enrolment was asked for
	struct enroller {
		struct fleet *fleet;
		struct link *link;
		struct device *device;
		int64_t due;
	} enrollers[ENROLLERS];
};

static void *need(void *memory)
{
	if (!memory) {
		fprintf(stderr, "out of memory\n");
		exit(1);
	}
	return memory;
}

const struct fleet_counts *fleet_counts(const struct fleet *fleet)
{
	return &fleet->counts;
}

/** An answer that nobody expects: the first ones are said. */
static void refuse(struct fleet *fleet, const char *what, int status, const char *body)
{
	if (fleet->counts.refused++ < 5)
		fprintf(stderr, "%s: answered %d: %.300s\n", what, status, body);
}

// ---- enrolment

static char *make_csr(EVP_PKEY *key)
{
	X509_REQ *request = need(X509_REQ_new());
	BIO *memory = need(BIO_new(BIO_s_mem()));
	char *text;

	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
				   (const unsigned char *)"device", -1, -1, 0);
	X509_REQ_set_pubkey(request, key);
	X509_REQ_sign(request, key, EVP_sha256());
	PEM_write_bio_X509_REQ(memory, request);
	long size = BIO_get_mem_data(memory, &text);
	text = need(strndup(text, size));
	BIO_free(memory);
	X509_REQ_free(request);
	return text;
}

static void enroll(struct enroller *enroller)
{
	struct fleet *fleet = enroller->fleet;
	char name[32];

	snprintf(name, sizeof(name), "device-%05zu", enroller->device->number);
	char *csr = make_csr(enroller->device->key);
	json_t *body = need(json_pack("{ss ss ss s{ss}}", "token", fleet->options.token, "csr", csr,
				      "hostname", name, "attributes", "site",
				      enroller->device->number % 2 ? "odd" : "even"));
	char *text = need(json_dumps(body, JSON_COMPACT));
	link_send(enroller->link, "POST", "/api/v1/enroll", text);
	free(text);
	free(csr);
	json_decref(body);
	enroller->due = 0;
}

static void enroll_next(struct enroller *enroller)
{
	struct fleet *fleet = enroller->fleet;

	if (fleet->n_asked == fleet->options.n) {
		net_unlink(enroller->link);
		enroller->link = NULL;
		return;
	}
	enroller->device = &fleet->devices[fleet->n_asked++];
	enroll(enroller);
}

static bool take_identity(struct device *device, const char *body, size_t size)
{
	json_t *answer = json_loadb(body, size, 0, NULL);
	const char *id = json_string_value(json_object_get(answer, "device"));
	const char *pem = json_string_value(json_object_get(answer, "certificate"));
	bool good = false;

	if (id && pem && strlen(id) < sizeof(device->id)) {
		BIO *memory = need(BIO_new_mem_buf(pem, -1));
		strcpy(device->id, id);
		device->certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);
		BIO_free(memory);
		good = device->certificate;
	}
	json_decref(answer);
	return good;
}

static void answer_device(void *context, int status, const char *body, size_t size);

static void answer_enroller(void *context, int status, const char *body, size_t size)
{
	struct enroller *enroller = context;
	struct device *device = enroller->device;

	if (status != 201 || !take_identity(device, body, size)) {
		refuse(enroller->fleet, "enrol", status, body);
		enroller->due = net_now() + SECOND;
		return;
	}
	enroller->fleet->counts.enrolled++;
	device->link = net_link(enroller->fleet->net, device->certificate, device->key,
				answer_device, device);
	device->step = STEP_REPORT;
	device->due = net_now();
	enroll_next(enroller);
}

// ---- what a device says

/** Something happened that must reach the hub. One at a time: the next one comes only
 *  when this one is acknowledged. */
static void tell_event(struct device *device, const char *type)
{
	device->event_type = type;
	device->event_seq++;
}

static void add_event(json_t *report, const struct device *device, const char *now)
{
	if (device->event_seq == device->event_acknowledged)
		return;
	json_array_append_new(json_object_get(report, "events"),
			      json_pack("{sI ss ss ss? ss}", "seq", (json_int_t)device->event_seq,
					"time", now, "type", device->event_type, "hotpatch",
					device->hotpatch[0] ? device->hotpatch : NULL, "detail",
					"simulated"));
}

/** What the process of a device that is being reported looks like. */
static json_t *say_process(const struct device *device, const char *now)
{
	static const char *const states[] = { "exposed", "in-progress", "protected", "exposed" };
	static const char *const reasons[] = { "not-fetched", "busy", "protected", "held-here" };
	bool carries = device->state == STATE_PROTECTED;

	return json_pack(
		"{si sI ss ss sn sn ss ss? ss? ss ss ss ss? ss? si}", "pid", 700, "start",
		(json_int_t)(1000 + device->number), "name", "server", "path", "/usr/sbin/server",
		"unit", "container", "build_id",
		device->build_id[0] ? device->build_id : "0011223344556677889900112233445566778899",
		"hotpatch", carries ? device->hotpatch : NULL, "release",
		carries ? device->release : NULL, "state", states[device->state], "reason",
		reasons[device->state], "detail", "simulated", "proof",
		carries ? device->proof : NULL, "verified", carries ? now : NULL, "tries", 1);
}

static char *say_report(struct device *device)
{
	char now[32], name[32];
	time_t time_now = time(NULL);
	bool carries = device->state == STATE_PROTECTED;

	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime(&time_now));
	snprintf(name, sizeof(name), "device-%05zu", device->number);
	// The proof names the report, so that it can be told later which one was kept.
	snprintf(device->proof, sizeof(device->proof), "%032zx%032lx", device->number,
		 (unsigned long)device->seq);
	json_t *report = need(json_pack(
		"{ss sI ss ss ss ss ss ss s{ss} ss ss? ss s[] ss s{si si ss} s{ss ss} s{si si si} "
		"s[] s[]}",
		"device", device->id, "seq", (json_int_t)device->seq, "sent", now, "hostname", name,
		"boot_id", device->boot_id, "agent", SUTURE_VERSION, "kernel", "6.1.0-40-amd64",
		"os", "debian-12", "attributes", "site", device->number % 2 ? "odd" : "even",
		"baseline", "2026.10", "release", carries ? device->release : NULL, "train",
		"hotpatch", "readiness", "ring", device->ring[0] ? device->ring : "test", "tuf",
		"root", 1, "timestamp", 1, "expires", "2099-01-01T00:00:00Z", "next", "what",
		"refresh", "when", now, "coverage", "protected", carries, "exposed",
		device->state == STATE_EXPOSED || device->state == STATE_FAILED, "in_progress",
		device->state == STATE_IN_PROGRESS, "processes", "events"));
	json_array_append_new(json_object_get(report, "processes"), say_process(device, now));
	add_event(report, device, now);
	char *text = need(json_dumps(report, JSON_COMPACT));
	json_decref(report);
	return text;
}

static void send_report(struct device *device)
{
	device->seq++;
	char *text = say_report(device);
	link_send(device->link, "POST", "/api/v1/device/report", text);
	free(text);
}

static void send_hold(struct device *device)
{
	char path[64];

	device->step = STEP_HOLD;
	snprintf(path, sizeof(path), "/api/v1/device/changes?since=%lu",
		 (unsigned long)device->change);
	link_send(device->link, "GET", path, NULL);
}

// ---- what a device does

static void later(struct device *device, enum device_step step, int64_t us)
{
	device->step = step;
	device->due = net_now() + us + 1;
}

static int64_t some(int64_t us)
{
	return us > 0 ? random() % us : 0;
}

/** Until there is something new: hold a request, or come again some time. */
static void rest(struct device *device)
{
	const struct fleet_options *options = &device->fleet->options;

	if (device->number < options->n_holding) {
		send_hold(device);
	} else {
		link_rest(device->link);
		later(device, STEP_STAMP, options->poll_us / 2 + some(options->poll_us));
	}
}

/** Go towards what the metadata wants. True when there is something to report soon. */
static bool pursue(struct device *device, const struct fleet_wish *wish)
{
	bool has = device->state == STATE_PROTECTED || device->state == STATE_IN_PROGRESS;

	if (device->event_seq != device->event_acknowledged)
		return true;
	if (!wish->release[0]) {
		if (!has)
			return false;
		tell_event(device, "reverted");
		device->state = STATE_EXPOSED;
		device->release[0] = '\0';
		return true;
	}
	if (has && strcmp(device->release, wish->release) == 0)
		return false;
	if (strcmp(device->failed_release, wish->release) == 0)
		return false; // held here
	strcpy(device->release, wish->release);
	strcpy(device->hotpatch, wish->hotpatch);
	strcpy(device->build_id, wish->build_id);
	device->state = STATE_IN_PROGRESS;
	tell_event(device, "refreshed");
	return true;
}

/** Applying takes its time; then it is done, or the health probe fails. */
static bool finish(struct device *device)
{
	unsigned each = device->fleet->options.fail_each;

	if (device->state != STATE_IN_PROGRESS)
		return false;
	if (each && device->number % each == each / 2) {
		device->state = STATE_FAILED;
		strcpy(device->failed_release, device->release);
		tell_event(device, "probe-failed");
	} else {
		device->state = STATE_PROTECTED;
		tell_event(device, "applied");
	}
	return true;
}

static void keep_answer(const char *path, const char *body, size_t size)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(body, 1, size, file) != size || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void after_report(struct device *device, int status, const char *body, size_t size)
{
	struct fleet *fleet = device->fleet;
	json_t *answer = status == 200 ? json_loadb(body, size, 0, NULL) : NULL;
	const char *ring = json_string_value(json_object_get(answer, "ring"));

	if (!answer) {
		refuse(fleet, "report", status, body);
		later(device, STEP_REPORT, SECOND + some(SECOND));
		return;
	}
	if (fleet->options.answer && !fleet->counts.reports)
		keep_answer(fleet->options.answer, body, size);
	fleet->counts.reports++;
	fleet->counts.ready += device->acknowledged == 0;
	fleet->counts.events += device->event_seq - device->event_acknowledged;
	device->acknowledged = device->seq;
	device->event_acknowledged = device->event_seq;
	strcpy(device->proof_acknowledged, device->state == STATE_PROTECTED ? device->proof : "");
	bool moved = ring && strcmp(ring, device->ring) != 0 && strlen(ring) < sizeof(device->ring);
	if (moved)
		strcpy(device->ring, ring);
	uint64_t change = json_integer_value(json_object_get(answer, "change"));
	int64_t report_s = json_integer_value(json_object_get(answer, "report_s"));
	json_decref(answer);
	device->report_due = net_now() + (report_s > 0 ? report_s : 60) * SECOND;

	if (device->state == STATE_IN_PROGRESS) {
		later(device, STEP_REPORT, some(fleet->options.work_us));
	} else if ((change > device->change || moved) && fleet->options.wish) {
		device->change = change;
		later(device, STEP_STAMP, some(fleet->options.jitter_us));
	} else {
		rest(device);
	}
}

static void after_hold(struct device *device, int status, const char *body, size_t size)
{
	json_t *answer = status == 200 ? json_loadb(body, size, 0, NULL) : NULL;
	uint64_t change = json_integer_value(json_object_get(answer, "change"));

	if (!answer)
		refuse(device->fleet, "changes", status, body);
	json_decref(answer);
	if (change > device->change) {
		device->fleet->counts.wakes++;
		device->change = change;
		later(device, STEP_STAMP, some(device->fleet->options.jitter_us));
	} else if (status == 200) {
		device->fleet->counts.idle++;
		if (net_now() >= device->report_due)
			later(device, STEP_REPORT, 0);
		else
			send_hold(device);
	} else {
		later(device, STEP_REPORT, SECOND + some(SECOND));
	}
}

static void after_stamp(struct device *device, int status, const char *body, size_t size)
{
	struct fleet *fleet = device->fleet;
	struct fleet_wish wish = { 0 };

	if (status != 200)
		refuse(fleet, "timestamp", status, body);
	if (status != 200 || !fleet->options.wish(fleet->options.context, body, size, device->ring,
						  device->release, &wish)) {
		later(device, STEP_STAMP, SECOND + some(SECOND));
		return;
	}
	// Also when there is nothing to do: what "report now" was for.
	pursue(device, &wish);
	later(device, STEP_REPORT, 0);
}

static void answer_device(void *context, int status, const char *body, size_t size)
{
	struct device *device = context;

	switch (device->step) {
	case STEP_REPORT:
		after_report(device, status, body, size);
		break;
	case STEP_HOLD:
		after_hold(device, status, body, size);
		break;
	case STEP_STAMP:
		after_stamp(device, status, body, size);
		break;
	case STEP_NEW:
		break;
	}
}

static void act(struct device *device)
{
	device->due = 0;
	if (device->step == STEP_STAMP && !device->fleet->options.wish)
		device->step = STEP_REPORT;
	if (device->step == STEP_STAMP)
		link_send(device->link, "GET", "/repository/metadata/timestamp.json", NULL);
	else {
		// An event that was not acknowledged goes first, unchanged.
		if (device->event_seq == device->event_acknowledged)
			finish(device);
		send_report(device);
	}
}

struct fleet *fleet_new(struct net *net, const struct fleet_options *options)
{
	struct fleet *fleet = need(calloc(1, sizeof(*fleet)));

	fleet->net = net;
	fleet->options = *options;
	fleet->devices = need(calloc(options->n, sizeof(*fleet->devices)));
	for (size_t i = 0; i < options->n; i++) {
		struct device *device = &fleet->devices[i];
		device->fleet = fleet;
		device->number = i;
		device->key = need(EVP_EC_gen("P-256"));
		snprintf(device->boot_id, sizeof(device->boot_id),
			 "%08x-0000-4000-8000-000000000000", (unsigned)i);
	}
	for (int i = 0; i < ENROLLERS; i++) {
		struct enroller *enroller = &fleet->enrollers[i];
		enroller->fleet = fleet;
		enroller->link = net_link(net, NULL, NULL, answer_enroller, enroller);
		enroll_next(enroller);
	}
	return fleet;
}

void fleet_serve(struct fleet *fleet, int64_t time)
{
	int64_t look = 0;

	for (int64_t now; (now = net_now()) < time;) {
		net_serve(fleet->net, now + 20000 < time ? now + 20000 : time);
		if (now < look)
			continue;
		look = now + 20000;
		for (size_t i = 0; i < fleet->options.n; i++)
			if (fleet->devices[i].due && fleet->devices[i].due <= now)
				act(&fleet->devices[i]);
		for (int i = 0; i < ENROLLERS; i++)
			if (fleet->enrollers[i].due && fleet->enrollers[i].due <= now)
				enroll(&fleet->enrollers[i]);
	}
}

void fleet_count_release(const struct fleet *fleet, const char *release, size_t *with_ret,
			 size_t *failed_ret)
{
	size_t with = 0, failed = 0;

	for (size_t i = 0; i < fleet->options.n; i++) {
		const struct device *device = &fleet->devices[i];
		bool said = device->event_seq == device->event_acknowledged;
		with += said && device->state == STATE_PROTECTED &&
			strcmp(device->release, release) == 0;
		failed += said && device->state == STATE_FAILED &&
			  strcmp(device->failed_release, release) == 0;
	}
	*with_ret = with;
	*failed_ret = failed;
}

bool fleet_write(const struct fleet *fleet, const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return false;
	for (size_t i = 0; i < fleet->options.n; i++) {
		const struct device *device = &fleet->devices[i];
		fprintf(file, "%s %s %lu %lu %s\n", device->id, device->ring,
			(unsigned long)device->acknowledged,
			(unsigned long)device->event_acknowledged,
			device->proof_acknowledged[0] ? device->proof_acknowledged : "-");
	}
	return fclose(file) == 0;
}

// ---- measuring

struct storm {
	struct device *device;
	struct link *link;
	uint64_t *n;
	bool *ended;
};

static void storm_on(struct storm *storm)
{
	storm->device->seq++;
	char *text = say_report(storm->device);
	link_send(storm->link, "POST", "/api/v1/device/report", text);
	free(text);
}

static void answer_storm(void *context, int status, const char *body, size_t size)
{
	struct storm *storm = context;

	(void)size;
	if (status == 200)
		++*storm->n;
	else
		refuse(storm->device->fleet, "report", status, body);
	if (!*storm->ended)
		storm_on(storm);
}

uint64_t fleet_storm(struct fleet *fleet, struct net *net, size_t n, int64_t time)
{
	struct storm *storms = need(calloc(n, sizeof(*storms)));
	uint64_t done = 0;
	bool ended = false;

	for (size_t i = 0; i < n; i++) {
		struct device *device = &fleet->devices[i];
		storms[i] = (struct storm){ .device = device, .n = &done, .ended = &ended };
		storms[i].link =
			net_link(net, device->certificate, device->key, answer_storm, &storms[i]);
		storm_on(&storms[i]);
	}
	for (int64_t now; (now = net_now()) < time;)
		net_serve(net, time);
	ended = true;
	uint64_t result = done;
	// What is still open is waited for, not counted.
	for (size_t i = 0; i < n; i++)
		for (int64_t end = net_now() + 30 * SECOND;
		     link_is_busy(storms[i].link) && net_now() < end;)
			net_serve(net, net_now() + SECOND / 10);
	for (size_t i = 0; i < n; i++)
		net_unlink(storms[i].link);
	net_serve(net, net_now());
	free(storms);
	return result;
}
