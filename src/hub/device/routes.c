// SPDX-License-Identifier: Apache-2.0
#include "hub/device/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "hub/auth/ca.h"
#include "hub/device/report.h"
#include "hub/events/bus.h"
#include "hub/http/route.h"
#include "hub/rollout/rollouts.h"
#include "hub/store/audit.h"
#include "hub/store/auth.h"
#include "hub/text.h"

// How long a request of a device is held.
#define HOLD_TIME (INT64_C(45) * 1000000)

/** An enrolment under way. */
struct enrolling {
	const struct sut_request *request;
	struct sut_enrolment enrolment;
	char digest[SUT_DIGEST_SIZE];     /**< Of the token's secret. */
	char key_digest[SUT_DIGEST_SIZE]; /**< Of the device's key. */
	char id[SUT_ID_SIZE];
	struct sut_token token;
	bool is_token_good;
};

// "suture1.SECRET.DIGEST": the middle part is what proves that the device may enrol; the
// last is what it knows us by.
static bool read_token(const char *text, char secret[SUT_SECRET_SIZE])
{
	static const char start[] = "suture1.";
	const char *begin = text + sizeof(start) - 1;

	if (strncmp(text, start, sizeof(start) - 1) != 0 ||
	    strcspn(begin, ".") != SUT_SECRET_SIZE - 1)
		return false;
	memcpy(secret, begin, SUT_SECRET_SIZE - 1);
	secret[SUT_SECRET_SIZE - 1] = '\0';
	return true;
}

static struct sut_err *check_token(struct sut_tx *tx, void *context)
{
	struct enrolling *enrolling = context;

	return sut_enrolment_token_check(tx, enrolling->digest, enrolling->request->now,
					 &enrolling->is_token_good);
}

static struct sut_err *refuse_token(struct sut_reply *reply)
{
	return sut_reply_problem(reply, 401, "bad-token",
				 "The enrolment token is not known, used up or expired: make "
				 "another one at the hub.");
}

// Who asks again with the same key and token never got the answer, and is whom it named: so the
// end of either of us in between costs neither the token's use nor makes a second device.
static struct sut_err *write_enrolment(struct sut_tx *tx, void *context)
{
	struct enrolling *enrolling = context;
	struct sut_enrolment *enrolment = &enrolling->enrolment;
	int64_t now = enrolling->request->now;
	bool is_again;
	char actor[128];
	struct sut_err *err = sut_device_find_enrolled(tx, enrolling->digest, enrolling->key_digest,
						       enrolling->id, &is_again);

	if (!err && is_again)
		return sut_device_set_certificate(tx, enrolling->id, enrolment->cert_expires);
	if (!err)
		err = sut_enrolment_token_use(tx, enrolling->digest, now, &enrolling->token,
					      &enrolling->is_token_good);
	if (err || !enrolling->is_token_good)
		return err;
	enrolment->ring = enrolling->token.ring[0] ? enrolling->token.ring : NULL;
	enrolment->token = enrolling->token.id;
	snprintf(actor, sizeof(actor), "enrolment-token:%.100s", enrolling->token.id);
	json_t *detail = json_pack("{s:s}", "hostname", enrolment->hostname);
	err = sut_device_add(tx, enrolment, now);
	if (!err)
		err = sut_audit_add(tx, now, actor, "device.enrol", enrolment->id, detail);
	json_decref(detail);
	return err;
}

static struct sut_err *finish_enrolment(struct sut_hub *hub, struct enrolling *enrolling,
					const char *csr, struct sut_reply *reply)
{
	const struct sut_request *request = enrolling->request;
	_cleanup_free_ char *certificate = NULL;
	int64_t now = request->now / 1000000, expires;
	struct sut_err *err = sut_ca_read_request(csr, enrolling->key_digest);

	if (err)
		return err->code == SUT_E_FORMAT ? sut_reply_invalid(reply, err) : err;
	enrolling->enrolment.id = enrolling->id;
	enrolling->enrolment.key_digest = enrolling->key_digest;
	enrolling->enrolment.cert_expires = sut_ca_device_end(hub->ca, now) * 1000000;
	err = sut_id_make(enrolling->id);
	if (!err)
		err = sut_store_write(hub->store, write_enrolment, enrolling);
	if (!err && !enrolling->is_token_good)
		return refuse_token(reply);
	if (!err)
		err = sut_ca_sign_device(hub->ca, csr, enrolling->id, now, &certificate, &expires);
	if (err)
		return err;
	sut_bus_publish(hub->bus, "device", enrolling->id);
	sut_bus_publish(hub->bus, "overview", "");
	return sut_reply_json(reply, 201,
			      json_pack("{s:s, s:s, s:s}", "device", enrolling->id, "certificate",
					certificate, "ca", sut_ca_pem(hub->ca)));
}

static struct sut_err *enrol(struct sut_hub *hub, const struct sut_request *request,
			     struct sut_reply *reply)
{
	struct enrolling enrolling = { .request = request };
	_cleanup_free_ char *attributes = NULL;
	_cleanup_json_ json_t *none = json_object();
	const char *token, *csr;
	char secret[SUT_SECRET_SIZE];
	const json_t *given = json_object_get(request->body, "attributes");
	struct sut_err *err = sut_json_text(request->body, "token", &token);

	if (!err)
		err = sut_json_text(request->body, "csr", &csr);
	if (!err)
		err = sut_json_text(request->body, "hostname", &enrolling.enrolment.hostname);
	if (!err && !sut_host_check(enrolling.enrolment.hostname))
		err = sut_err(SUT_E_FORMAT, "'hostname' is no name of a host");
	if (!err)
		err = sut_attributes_read(given ? given : none, &attributes);
	if (err)
		return sut_reply_invalid(reply, err);
	enrolling.enrolment.attributes_json = attributes;
	if (!read_token(token, secret))
		return sut_reply_problem(reply, 401, "bad-token",
					 "This is no enrolment token: it begins with 'suture1.'.");
	err = sut_digest_text(secret, enrolling.digest);
	// First of all: the bytes of a stranger's request are not even parsed.
	if (!err)
		err = sut_store_read(hub->store, check_token, &enrolling);
	if (err)
		return err;
	return enrolling.is_token_good ? finish_enrolment(hub, &enrolling, csr, reply)
				       : refuse_token(reply);
}

/** A renewal under way. */
struct renewing {
	const char *device;
	int64_t now, expires;
};

static struct sut_err *write_renewal(struct sut_tx *tx, void *context)
{
	struct renewing *renewing = context;
	char actor[64];

	snprintf(actor, sizeof(actor), "device:%s", renewing->device);
	struct sut_err *err = sut_device_set_certificate(tx, renewing->device, renewing->expires);
	return err ? err
		   : sut_audit_add(tx, renewing->now, actor, "device.renew", renewing->device,
				   NULL);
}

static struct sut_err *renew(struct sut_hub *hub, const struct sut_request *request,
			     struct sut_reply *reply)
{
	struct renewing renewing = { request->principal.id, request->now, 0 };
	_cleanup_free_ char *certificate = NULL;
	const char *csr;
	struct sut_err *err = sut_json_text(request->body, "csr", &csr);

	if (!err)
		err = sut_ca_sign_device(hub->ca, csr, renewing.device, request->now / 1000000,
					 &certificate, &renewing.expires);
	if (err)
		return err->code == SUT_E_FORMAT ? sut_reply_invalid(reply, err) : err;
	renewing.expires *= 1000000;
	err = sut_store_write(hub->store, write_renewal, &renewing);
	if (err)
		return err;
	return sut_reply_json(
		reply, 200,
		json_pack("{s:s, s:s}", "certificate", certificate, "ca", sut_ca_pem(hub->ca)));
}

/** A report on its way into the store. */
struct reporting {
	const struct sut_report *report;
	struct sut_rollouts *rollouts;
	const json_t *body; /**< What the report was read from. */
	int64_t now;
	struct sut_rollouts_answer answer;
	struct sut_device device; /**< As it was before. */
	bool is_known, is_new;
};

static struct sut_err *write_report(struct sut_tx *tx, void *context)
{
	struct reporting *reporting = context;
	struct sut_err *err = sut_device_find(tx, reporting->report->device, &reporting->device,
					      &reporting->is_known);

	if (err || !reporting->is_known)
		return err;
	// A report that is sent again was stored before, or a newer one was.
	reporting->is_new = reporting->report->seq > reporting->device.report_seq;
	if (!reporting->is_new)
		return NULL;
	err = sut_device_store_report(tx, reporting->report, &reporting->device, reporting->now);
	return err ? err :
		     sut_rollouts_reported(reporting->rollouts, tx, reporting->report->device,
					   reporting->body, reporting->now, &reporting->answer);
}

// What a page may want to draw anew.
static void tell_pages(struct sut_hub *hub, const struct reporting *reporting)
{
	const struct sut_report *report = reporting->report;
	const struct sut_device *device = &reporting->device;

	sut_rollouts_wake(hub->rollouts, true);
	if (strcmp(report->processes_digest, device->processes_digest) == 0 && !report->n_events &&
	    !reporting->answer.has_changed)
		return;
	sut_bus_publish(hub->bus, "device", report->device);
	if (report->n_protected != device->n_protected || report->n_exposed != device->n_exposed ||
	    report->n_in_progress != device->n_in_progress)
		sut_bus_publish(hub->bus, "overview", "");
}

static struct sut_err *answer_report(const struct reporting *reporting, struct sut_reply *reply)
{
	const struct sut_device *device = &reporting->device;
	// Of one that was sent again, nothing was derived: what the last one gave counts.
	const char *ring = reporting->is_new ? reporting->answer.ring : device->ring;
	json_t *hold = device->hold[0] ? json_pack("{s:s}", "reason", device->hold) : json_null();

	return sut_reply_json(reply, 200,
			      json_pack("{s:s, s:i, s:I, s:o, s:b}", "ring", ring, "report_s",
					SUT_REPORT_S, "change", (json_int_t)device->change, "hold",
					hold, "paused", (int)reporting->answer.is_paused));
}

static struct sut_err *report(struct sut_hub *hub, const struct sut_request *request,
			      struct sut_reply *reply)
{
	struct sut_checked_report checked;

	if (!request->body)
		return sut_reply_problem(reply, 400, "invalid", "The body must be a report.");
	struct sut_err *err = sut_report_read(request->body, &checked);
	if (err)
		return sut_reply_invalid(reply, err);
	struct reporting reporting = { .report = &checked.report,
				       .rollouts = hub->rollouts,
				       .body = request->body,
				       .now = request->now };
	if (strcmp(checked.report.device, request->principal.id) != 0) {
		sut_report_deinit(&checked);
		return sut_reply_problem(reply, 403, "forbidden",
					 "A device reports only for itself: this is %s.",
					 request->principal.id);
	}
	err = sut_store_write(hub->store, write_report, &reporting);
	if (!err && reporting.is_new)
		tell_pages(hub, &reporting);
	if (!err)
		err = reporting.is_known ? answer_report(&reporting, reply)
					 : sut_reply_problem(reply, 401, "unknown-device",
							     "This device is not known here.");
	sut_report_deinit(&checked);
	return err;
}

/** A look at a device. */
struct looking {
	const char *id;
	struct sut_device device;
	bool is_known;
};

static struct sut_err *read_device(struct sut_tx *tx, void *context)
{
	struct looking *looking = context;

	return sut_device_find(tx, looking->id, &looking->device, &looking->is_known);
}

static struct sut_err *changes(struct sut_hub *hub, const struct sut_request *request,
			       struct sut_reply *reply)
{
	struct looking looking = { .id = request->principal.id };
	const char *since_text = sut_request_query(request, "since");
	long long since = 0;

	if (since_text) {
		char *end;
		errno = 0;
		since = strtoll(since_text, &end, 10);
		if (errno || *end || since_text[0] < '0' || since_text[0] > '9')
			return sut_reply_problem(reply, 400, "invalid",
						 "'since' must be a number from 0 on.");
	}
	struct sut_err *err = sut_store_read(hub->store, read_device, &looking);
	if (err)
		return err;
	// A higher number than ours is from a hub that was put back from a copy: tell ours.
	if (looking.device.change == since && !request->is_late) {
		sut_reply_hold(reply, request->asked + HOLD_TIME);
		return NULL;
	}
	return sut_reply_json(reply, 200,
			      json_pack("{s:I}", "change", (json_int_t)looking.device.change));
}

const struct sut_route sut_device_routes[] = {
	{ "POST", "/api/v1/enroll", SUT_ACCESS_PUBLIC, enrol },
	{ "POST", "/api/v1/device/renew", SUT_ACCESS_DEVICE, renew },
	{ "POST", "/api/v1/device/report", SUT_ACCESS_DEVICE, report },
	{ "GET", "/api/v1/device/changes", SUT_ACCESS_DEVICE, changes },
	{ 0 },
};
