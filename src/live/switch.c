// SPDX-License-Identifier: Apache-2.0
#include "live/switch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "process/process.h"
#include "process/tracer.h"

void sut_switch_deinit(struct sut_switch *s)
{
	free(s->changes);
	free(s->ranges);
	free(s->checks);
	*s = (struct sut_switch){ 0 };
}

struct sut_err *sut_switch_add_change(struct sut_switch *s, struct sut_change change)
{
	struct sut_err *err = sut_array_grow(&s->changes, s->n_changes, &s->changes_capacity,
					     sizeof(*s->changes));

	if (!err)
		s->changes[s->n_changes++] = change;
	return err;
}

struct sut_err *sut_switch_add_range(struct sut_switch *s, struct sut_quiet_range range)
{
	struct sut_err *err =
		sut_array_grow(&s->ranges, s->n_ranges, &s->ranges_capacity, sizeof(*s->ranges));

	if (!err)
		s->ranges[s->n_ranges++] = range;
	return err;
}

struct sut_err *sut_switch_add_check(struct sut_switch *s, struct sut_switch_check check)
{
	struct sut_err *err =
		sut_array_grow(&s->checks, s->n_checks, &s->checks_capacity, sizeof(*s->checks));

	if (!err)
		s->checks[s->n_checks++] = check;
	return err;
}

static int by_start(const void *a, const void *b)
{
	uint64_t x = ((const struct sut_quiet_range *)a)->span.start;
	uint64_t y = ((const struct sut_quiet_range *)b)->span.start;

	return (x > y) - (x < y);
}

static struct sut_view view_of(const uint8_t bytes[SUT_REDIRECT_SIZE])
{
	return (struct sut_view){ bytes, SUT_REDIRECT_SIZE };
}

static struct sut_err *check_before(const struct sut_change *change, struct sut_process *process)
{
	uint8_t now[SUT_REDIRECT_SIZE];
	struct sut_err *err =
		sut_process_peek(process, (struct sut_addr){ change->at }, now, sizeof(now));

	if (err)
		return err;
	if (memcmp(now, change->before, sizeof(now)) != 0)
		return sut_err(SUT_E_MISMATCH, "the code at 0x%lx has changed",
			       (unsigned long)change->at);
	return NULL;
}

struct sut_err *sut_switch_prepare(struct sut_switch *s, struct sut_process *process)
{
	if (s->n_ranges)
		qsort(s->ranges, s->n_ranges, sizeof(*s->ranges), by_start);
	for (size_t i = 0; i < s->n_changes; i++) {
		struct sut_err *err = check_before(&s->changes[i], process);
		// The same bytes over themselves are nothing to a thread that runs
		// through them; the kernel copies the page first. In a library that
		// the program may close, another one could be there by now.
		if (!err && s->changes[i].is_lasting)
			err = sut_process_poke(process, (struct sut_addr){ s->changes[i].at },
					       view_of(s->changes[i].before));
		if (err)
			return err;
	}
	return NULL;
}

static struct sut_err *write_changes(const struct sut_switch *s, struct sut_process *process)
{
	for (size_t i = 0; i < s->n_changes; i++) {
		struct sut_err *err =
			sut_process_poke(process, (struct sut_addr){ s->changes[i].at },
					 view_of(s->changes[i].after));
		if (!err)
			continue;
		// Put back what was written, the failed one included.
		for (size_t j = 0; j <= i; j++) {
			struct sut_err *undo =
				sut_process_poke(process, (struct sut_addr){ s->changes[j].at },
						 view_of(s->changes[j].before));
			sut_err_free(undo);
		}
		return err;
	}
	return NULL;
}

/** How many pieces are read at once; IOV_MAX is 1024. */
enum { CHUNK = 64 };

/** Bytes of the target as they must be. */
struct piece {
	uint64_t at;
	const uint8_t *bytes;
	size_t size; /**< At most SUT_MAX_BUILD_ID. */
};

static struct piece piece_of(const struct sut_switch *s, size_t i)
{
	if (i < s->n_checks)
		return (struct piece){ s->checks[i].at, s->checks[i].build_id.bytes,
				       s->checks[i].build_id.size };
	const struct sut_change *change = &s->changes[i - s->n_checks];
	return (struct piece){ change->at, change->before, SUT_REDIRECT_SIZE };
}

static struct sut_err *check_chunk(const struct piece *pieces, size_t n, pid_t tid)
{
	struct iovec local[CHUNK], remote[CHUNK];
	uint8_t bytes[CHUNK][SUT_MAX_BUILD_ID];
	ssize_t total = 0;

	for (size_t i = 0; i < n; i++) {
		local[i] = (struct iovec){ bytes[i], pieces[i].size };
		remote[i] = (struct iovec){ (void *)(uintptr_t)pieces[i].at, pieces[i].size };
		total += pieces[i].size;
	}
	ssize_t done = process_vm_readv(tid, local, n, remote, n, 0);
	if (done < 0 && errno == ESRCH)
		return sut_err(SUT_E_GONE, "thread %d has exited", tid);
	bool is_same = done == total;
	for (size_t i = 0; i < n && is_same; i++)
		is_same = memcmp(bytes[i], pieces[i].bytes, pieces[i].size) == 0;
	return is_same ? NULL
		       : sut_err(SUT_E_MISMATCH,
				 "the code was unloaded, or changed, while it was being patched");
}

// The target ran after its code was checked, and may have put something else there.
static struct sut_err *check_code(const struct sut_switch *s, pid_t tid)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < s->n_checks + s->n_changes && !err; i += CHUNK) {
		struct piece pieces[CHUNK];
		size_t n = 0;
		while (n < CHUNK && i + n < s->n_checks + s->n_changes) {
			pieces[n] = piece_of(s, i + n);
			n++;
		}
		err = check_chunk(pieces, n, tid);
	}
	return err;
}

static struct sut_err *switch_stopped(const struct sut_switch *s, struct sut_tracer *tracer,
				      const struct sut_quiet *quiet,
				      struct sut_switch_result *result)
{
	bool is_quiet;
	struct sut_err *err = sut_quiet_check(quiet, tracer, &is_quiet, &result->blocker);
	size_t i = 0;

	if (err || !is_quiet)
		return err;
	while (tracer->threads[i].state != SUT_THREAD_STOPPED)
		if (++i == tracer->n_threads)
			return sut_err(SUT_E_GONE, "no thread is left");
	err = check_code(s, tracer->threads[i].tid);
	if (!err)
		err = write_changes(s, tracer->process);
	result->is_done = !err;
	return err;
}

// What is read in the stop is read before it, in vain: the next time takes less.
static void rehearse(const struct sut_switch *s, const struct sut_tracer *tracer,
		     const struct sut_quiet *quiet)
{
	sut_quiet_rehearse(quiet, tracer);
	sut_err_free(check_code(s, tracer->process->tid));
}

struct sut_err *sut_switch_try(const struct sut_switch *s, struct sut_tracer *tracer,
			       const struct sut_quiet *quiet, uint64_t stop_limit,
			       struct sut_switch_result *ret)
{
	struct sut_switch_result result = { 0 };
	struct sut_stop stop;
	struct sut_err *err = sut_tracer_ready(tracer);

	if (!err) {
		rehearse(s, tracer, quiet);
		err = sut_tracer_stop(tracer, sut_now() + stop_limit, &stop);
	}
	if (err) {
		sut_tracer_go(tracer);
		return err;
	}
	if (tracer->has_execed)
		err = sut_err(SUT_E_GONE, "it has become another program");
	else if (!stop.is_complete)
		result.blocker.tid = stop.straggler;
	else
		err = switch_stopped(s, tracer, quiet, &result);
	result.is_stopped = stop.is_complete;
	result.n_threads = sut_tracer_count(tracer);
	result.pause = sut_tracer_go(tracer) - stop.begin;
	*ret = result;
	return err;
}

struct sut_err *sut_switch_story_error(const struct sut_switch_story *story)
{
	const struct sut_blocker *b = &story->blocker;

	if (story->is_cancelled)
		return sut_err(SUT_E_BUSY, "interrupted; nothing was changed");
	if (!story->is_stopped)
		return sut_err(SUT_E_BUSY, "thread %d could not be stopped in time", b->tid);
	return sut_err(SUT_E_BUSY, "thread %d %s %s%s", b->tid,
		       b->is_inside ? "is running" : "will return into", b->function,
		       b->is_certain ? "" : " (or an old trace of it is on its stack)");
}
