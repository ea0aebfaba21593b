// SPDX-License-Identifier: Apache-2.0
#include "hub/store/device.h"

#include <stdio.h>
#include <string.h>

struct sut_err *sut_device_add(struct sut_tx *tx, const struct sut_enrolment *enrolment,
			       int64_t now)
{
	return sut_sql_exec(
		tx,
		"INSERT INTO devices (tenant, id, hostname, enrolled, revoked, cert_expires,"
		" assigned_ring, change, attributes_json, key_digest, enrolled_by, report_seq,"
		" n_protected, n_exposed, n_in_progress)"
		" VALUES (" SUT_TENANT ", $1, $2, $3, 0, $4, $5, 0, $6, $7, $8, 0, 0, 0, 0)",
		"ssiissss", enrolment->id, enrolment->hostname, now, enrolment->cert_expires,
		enrolment->ring, enrolment->attributes_json, enrolment->key_digest,
		enrolment->token);
}

static void copy_column(struct sut_rows *rows, int column, char *to, size_t size)
{
	const char *text = sut_rows_text(rows, column);

	snprintf(to, size, "%s", text ? text : "");
}

struct sut_err *sut_device_find_enrolled(struct sut_tx *tx, const char *token,
					 const char *key_digest, char *ret, bool *has_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err = sut_sql_query(
		tx, &rows,
		"SELECT devices.id FROM devices, enrolment_tokens"
		" WHERE devices.tenant = " SUT_TENANT " AND key_digest = $1 AND revoked = 0"
		" AND enrolment_tokens.tenant = devices.tenant"
		" AND enrolment_tokens.id = enrolled_by AND enrolment_tokens.digest = $2",
		"ss", key_digest, token);

	if (!err)
		err = sut_rows_next(rows, has_ret);
	if (!err && *has_ret)
		copy_column(rows, 0, ret, SUT_ID_SIZE);
	return err;
}

struct sut_err *sut_device_find(struct sut_tx *tx, const char *id, struct sut_device *ret,
				bool *has_ret)
{
	_cleanup_(sut_rows_closep) struct sut_rows *rows = NULL;
	struct sut_err *err = sut_sql_query(
		tx, &rows,
		"SELECT devices.id, revoked, report_seq, change, value, assigned_ring, ring, hold,"
		" processes_digest, n_protected, n_exposed, n_in_progress FROM devices, counters"
		" WHERE devices.tenant = " SUT_TENANT " AND devices.id = $1"
		" AND counters.tenant = devices.tenant AND counters.name = 'change-all'",
		"s", id);

	if (!err)
		err = sut_rows_next(rows, has_ret);
	if (err || !*has_ret)
		return err;
	int64_t own = sut_rows_int(rows, 3), of_all = sut_rows_int(rows, 4);
	*ret = (struct sut_device){
		.is_revoked = sut_rows_int(rows, 1) != 0,
		.report_seq = sut_rows_int(rows, 2),
		.change = own > of_all ? own : of_all,
		.n_protected = sut_rows_int(rows, 9),
		.n_exposed = sut_rows_int(rows, 10),
		.n_in_progress = sut_rows_int(rows, 11),
	};
	copy_column(rows, 0, ret->id, sizeof(ret->id));
	copy_column(rows, 5, ret->assigned_ring, sizeof(ret->assigned_ring));
	copy_column(rows, 6, ret->ring, sizeof(ret->ring));
	copy_column(rows, 7, ret->hold, sizeof(ret->hold));
	copy_column(rows, 8, ret->processes_digest, sizeof(ret->processes_digest));
	return NULL;
}

struct sut_err *sut_device_set_certificate(struct sut_tx *tx, const char *id, int64_t expires)
{
	return sut_sql_exec(tx,
			    "UPDATE devices SET cert_expires = $1 WHERE tenant = " SUT_TENANT
			    " AND id = $2",
			    "is", expires, id);
}

static struct sut_err *add_process(struct sut_tx *tx, const char *device, int64_t n,
				   const struct sut_process_row *row)
{
	return sut_sql_exec(
		tx,
		"INSERT INTO processes (tenant, device, n, pid, start, name, path, unit, container,"
		" build_id, hotpatch, release, state, reason, detail, proof, verified, pause_ns, "
		"tries)"
		" VALUES (" SUT_TENANT
		", $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
		" $15, $16, $17, $18)",
		"siiisssssssssssppi", device, n, row->pid, row->start, row->name, row->path,
		row->unit, row->container, row->build_id, row->hotpatch, row->release, row->state,
		row->reason, row->detail, row->proof, row->verified ? &row->verified : NULL,
		row->pause_ns >= 0 ? &row->pause_ns : NULL, row->tries);
}

static struct sut_err *replace_processes(struct sut_tx *tx, const struct sut_report *report)
{
	struct sut_err *err = sut_sql_exec(
		tx, "DELETE FROM processes WHERE tenant = " SUT_TENANT " AND device = $1", "s",
		report->device);

	for (size_t i = 0; i < report->n_processes && !err; i++)
		err = add_process(tx, report->device, i, &report->processes[i]);
	return err;
}

static struct sut_err *add_event(struct sut_tx *tx, const char *device,
				 const struct sut_event_row *row, int64_t now)
{
	return sut_sql_exec(tx,
			    "INSERT INTO device_events (tenant, device, seq, time, received, type,"
			    " hotpatch, detail) VALUES (" SUT_TENANT ", $1, $2, $3, $4, $5, $6, $7)"
			    " ON CONFLICT (tenant, device, seq) DO NOTHING",
			    "siiisss", device, row->seq, row->time, now, row->type, row->hotpatch,
			    row->detail);
}

static struct sut_err *update_row(struct sut_tx *tx, const struct sut_report *report, int64_t now)
{
	return sut_sql_exec(
		tx,
		"UPDATE devices SET seen = $1, report_seq = $2, hostname = $3, boot_id = $4,"
		" agent = $5, kernel = $6, os = $7, baseline = $8, release = $9, train = $10,"
		" ring = $11, n_protected = $12, n_exposed = $13, n_in_progress = $14,"
		" attributes_json = $15, readiness_json = $16, next_json = $17, tuf_json = $18,"
		" processes_digest = $19 WHERE tenant = " SUT_TENANT " AND id = $20",
		"iisssssssssiiissssss", now, report->seq, report->hostname, report->boot_id,
		report->agent, report->kernel, report->os, report->baseline, report->release,
		report->train, report->ring, report->n_protected, report->n_exposed,
		report->n_in_progress, report->attributes_json, report->readiness_json,
		report->next_json, report->tuf_json, report->processes_digest, report->device);
}

struct sut_err *sut_device_store_report(struct sut_tx *tx, const struct sut_report *report,
					const struct sut_device *before, int64_t now)
{
	struct sut_err *err = update_row(tx, report, now);

	// Most reports say the same again: then there is one row to write.
	if (!err && strcmp(before->processes_digest, report->processes_digest) != 0)
		err = replace_processes(tx, report);
	for (size_t i = 0; i < report->n_events && !err; i++)
		err = add_event(tx, report->device, &report->events[i], now);
	return err;
}

struct sut_err *sut_device_note_change(struct sut_tx *tx, const char *device)
{
	int64_t change;
	struct sut_err *err = sut_sql_exec(tx,
					   "UPDATE counters SET value = value + 1"
					   " WHERE tenant = " SUT_TENANT " AND name = 'change'",
					   "");

	if (!err)
		err = sut_sql_int(tx, &change,
				  "SELECT value FROM counters WHERE tenant = " SUT_TENANT
				  " AND name = 'change'",
				  "");
	if (err)
		return err;
	if (device)
		return sut_sql_exec(tx,
				    "UPDATE devices SET change = $1 WHERE tenant = " SUT_TENANT
				    " AND id = $2",
				    "is", change, device);
	return sut_sql_exec(tx,
			    "UPDATE counters SET value = $1 WHERE tenant = " SUT_TENANT
			    " AND name = 'change-all'",
			    "i", change);
}
