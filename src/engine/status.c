// SPDX-License-Identifier: Apache-2.0
#include "engine/status.h"

#include <string.h>

#include "engine/target.h"
#include "live/life.h"

static json_t *describe_mapping(const char *access, struct sut_span span)
{
	return json_pack("{s:s, s:I, s:I}", "access", access, "start", (json_int_t)span.start,
			 "size", (json_int_t)(span.end - span.start));
}

static json_t *describe_payload(const struct sut_trace *trace)
{
	json_t *list = json_array();

	json_array_append_new(list, describe_mapping("read-only", trace->ro));
	if (trace->rx.start < trace->rx.end)
		json_array_append_new(list, describe_mapping("read-execute", trace->rx));
	if (trace->rw.start < trace->rw.end)
		json_array_append_new(list, describe_mapping("read-write", trace->rw));
	return list;
}

static bool is_redirected(const struct sut_trace_function *f, struct sut_process *process)
{
	uint8_t now[SUT_REDIRECT_SIZE];
	struct sut_err *err =
		sut_process_peek(process, (struct sut_addr){ f->at }, now, sizeof(now));

	sut_err_free(err);
	return !err && memcmp(now, f->after, sizeof(now)) == 0;
}

static json_t *describe_functions(const struct sut_trace *trace, struct sut_process *process,
				  size_t *n_redirects)
{
	json_t *list = json_array();

	*n_redirects = 0;
	for (size_t i = 0; i < trace->n_functions; i++) {
		const struct sut_trace_function *f = &trace->functions[i];
		bool is_there = is_redirected(f, process);
		*n_redirects += is_there;
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I, s:I, s:I, s:b}", "name", f->name,
						"address", (json_int_t)f->entry, "new_address",
						(json_int_t)f->target, "old_size",
						(json_int_t)f->old_size, "new_size",
						(json_int_t)f->new_size, "redirected", is_there));
	}
	return list;
}

static const char *file_of(const struct sut_trace *trace, const struct sut_target *target)
{
	for (size_t i = 0; i < target->now.modules.n; i++)
		if (target->now.modules.items[i].base == trace->base &&
		    sut_build_id_equal(&target->now.modules.items[i].build_id, &trace->build_id))
			return target->now.modules.items[i].path;
	return "";
}

// "loaded", "unloaded", "reloaded"; "" when it cannot be told.
static const char *life_of(const struct sut_trace *trace, struct sut_target *target)
{
	static const char *const names[] = { [SUT_LIFE_SAME] = "loaded",
					     [SUT_LIFE_UNLOADED] = "unloaded",
					     [SUT_LIFE_RELOADED] = "reloaded" };
	enum sut_life life;
	struct sut_err *err = sut_life_find(&target->now, trace, &life);

	sut_err_free(err);
	return err ? "" : names[life];
}

static json_t *describe_trace(const struct sut_trace *trace, struct sut_target *target)
{
	char digest[2 * SUT_SHA256_SIZE + 1], build_id[2 * SUT_MAX_BUILD_ID + 1];
	size_t n_redirects;

	sut_hex((struct sut_view){ trace->digest.bytes, SUT_SHA256_SIZE }, digest);
	sut_hex((struct sut_view){ trace->build_id.bytes, trace->build_id.size }, build_id);
	json_t *functions = describe_functions(trace, &target->now.process, &n_redirects);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:I, s:I, s:o, s:o}",
			 "name", trace->name, "digest", digest, "build_id", build_id, "advisories",
			 trace->advisories, "file", file_of(trace, target), "module",
			 life_of(trace, target), "base", (json_int_t)trace->base, "state",
			 sut_trace_state_name(trace->state), "entry_only", trace->is_entry_only,
			 "redirects", (json_int_t)n_redirects, "applied_at",
			 (json_int_t)trace->time, "payload", describe_payload(trace), "functions",
			 functions);
}

json_t *sut_status_work(pid_t pid, void *context)
{
	const struct sut_select *select = context;
	struct sut_target target;
	struct sut_err *err = sut_target_open(pid, false, 0, &target);
	json_t *answer;

	if (!err) {
		err = sut_select_check(select, &target.traces);
		if (err)
			sut_target_close(&target);
	}
	if (err && select->is_found && !sut_select_concerns(select, pid)) {
		sut_err_free(err);
		return json_object();
	}
	json_t *list = json_array();
	if (err) {
		answer = json_pack("{s:i, s:s, s:s, s:o}", "pid", (int)pid, "name", "", "error",
				   err->msg, "hotpatches", list);
		sut_err_free(err);
		return answer;
	}
	for (size_t i = 0; i < target.traces.n; i++)
		if (sut_select_has(select, &target.traces.items[i]))
			json_array_append_new(list,
					      describe_trace(&target.traces.items[i], &target));
	answer = json_pack("{s:i, s:s, s:s, s:o}", "pid", (int)pid, "name", target.now.process.comm,
			   "error", "", "hotpatches", list);
	sut_target_close(&target);
	return answer;
}
