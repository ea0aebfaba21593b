// SPDX-License-Identifier: Apache-2.0
#include "engine/row.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
	[SUT_OUTCOME_PATCHED] = "patched",   [SUT_OUTCOME_REVERTED] = "reverted",
	[SUT_OUTCOME_VERIFIED] = "verified", [SUT_OUTCOME_ALREADY] = "already",
	[SUT_OUTCOME_BUSY] = "busy",         [SUT_OUTCOME_REFUSED] = "refused",
	[SUT_OUTCOME_DIFFERS] = "differs",   [SUT_OUTCOME_GONE] = "gone",
	[SUT_OUTCOME_READY] = "ready",
};

enum { N_OUTCOMES = sizeof(names) / sizeof(names[0]) };

const char *sut_outcome_name(enum sut_outcome outcome)
{
	return names[outcome];
}

void sut_row_deinit(struct sut_row *row)
{
	free(row->name);
	free(row->reason);
	free(row->hotpatches);
	json_decref(row->blocker);
	*row = (struct sut_row){ 0 };
}

void sut_row_fail(struct sut_row *row, struct sut_err *err)
{
	if (!err)
		return;
	row->outcome = err->code == SUT_E_BUSY   ? SUT_OUTCOME_BUSY
		       : err->code == SUT_E_GONE ? SUT_OUTCOME_GONE
						 : SUT_OUTCOME_REFUSED;
	free(row->reason);
	row->reason = strdup(err->msg);
	sut_err_free(err);
}

struct sut_err *sut_row_moved_on(struct sut_err *err)
{
	if (err->code == SUT_E_GONE)
		return err;
	sut_err_free(err);
	return sut_err(SUT_E_GONE, SUT_ROW_MOVED_ON);
}

static const char *text(const char *string)
{
	return string ? string : "";
}

json_t *sut_row_to_json(const struct sut_row *row)
{
	return json_pack("{s:i, s:s, s:s, s:s, s:O?, s:s, s:I, s:I, s:f, s:f}", "pid",
			 (int)row->pid, "name", text(row->name), "outcome", names[row->outcome],
			 "reason", text(row->reason), "blocker", row->blocker, "hotpatches",
			 text(row->hotpatches), "threads", (json_int_t)row->n_threads, "tries",
			 (json_int_t)row->n_tries, "pause_us", row->pause / 1000.0, "place_us",
			 row->place / 1000.0);
}

static bool read_outcome(const char *name, enum sut_outcome *ret)
{
	for (int i = 0; i < N_OUTCOMES; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

struct sut_err *sut_row_from_json(const json_t *json, struct sut_row *ret)
{
	const char *name, *outcome, *reason, *hotpatches;
	json_int_t threads, tries;
	json_t *blocker;
	double pause, place;
	int pid;
	struct sut_row row = { 0 };

	if (json_unpack((json_t *)json, "{s:i, s:s, s:s, s:s, s:o, s:s, s:I, s:I, s:F, s:F}", "pid",
			&pid, "name", &name, "outcome", &outcome, "reason", &reason, "blocker",
			&blocker, "hotpatches", &hotpatches, "threads", &threads, "tries", &tries,
			"pause_us", &pause, "place_us", &place) < 0 ||
	    !read_outcome(outcome, &row.outcome))
		return sut_err(SUT_E_FORMAT, "a worker's answer is malformed");
	row.pid = pid;
	row.name = strdup(name);
	row.reason = strdup(reason);
	row.hotpatches = strdup(hotpatches);
	row.blocker = json_is_object(blocker) ? json_incref(blocker) : NULL;
	row.n_threads = threads;
	row.n_tries = tries;
	row.pause = pause * 1000;
	row.place = place * 1000;
	if (!row.name || !row.reason || !row.hotpatches) {
		sut_row_deinit(&row);
		return sut_err_nomem();
	}
	*ret = row;
	return NULL;
}
