// SPDX-License-Identifier: Apache-2.0
#include "engine/start.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "engine/apply.h"
#include "engine/row.h"
#include "live/imports.h"
#include "live/trace.h"
#include "patch/patch.h"
#include "process/borrow.h"
#include "process/follow.h"
#include "process/snapshot.h"
#include "process/tracer.h"

/** How long one stop may be away, and how many there may be, before it is given up
 *  to wait for the right one. A file that is read and not loaded gets fewer. */
static const uint64_t patience = UINT64_C(10000000000); // ns
enum { MAX_CALLS = 20000, MAX_READS = 200 };

/** How ready a process is. */
enum readiness {
	READY_NOTHING, /**< No module of ours is there. */
	READY_DONE,    /**< They are, and carry their hotpatches. */
	READY_NOT_YET,
	READY_NOW,
};

/** What is known of a process at one stop. */
struct look {
	struct sut_snapshot now;
	struct sut_traces traces;
	struct sut_gadgets gadgets;
	uint64_t interpreter; /**< Where the dynamic linker is; 0: none. */
	bool takes_any; /**< Any hotpatch for the build will do. */
};

static void look_deinit(struct look *look)
{
	sut_traces_deinit(&look->traces);
	sut_snapshot_close(&look->now);
}

static uint64_t read_auxv(const struct sut_process *process, uint64_t key)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_process_read(process, "auxv", &file);
	uint64_t pair[2];

	sut_err_free(err);
	for (size_t at = 0; !err && sut_view_copy(file.view, at, pair, sizeof(pair));
	     at += sizeof(pair))
		if (pair[0] == key)
			return pair[1];
	return 0;
}

// The dynamic linker has made what it relocates read-only. A module without such a
// part is taken for relocated when the C library is: it comes first.
static bool is_relocated(const struct look *look, const struct sut_module *module)
{
	enum { PAGE = 4096 };

	if (!module)
		return false;
	uint64_t start = module->relro.start & -(uint64_t)PAGE;
	uint64_t end = module->relro.end & -(uint64_t)PAGE;
	const struct sut_mapping *m = sut_maps_at(&look->now.maps, start);
	if (start < end)
		return m && !m->is_writable;
	const struct sut_module *library =
		sut_modules_at(&look->now.modules, look->gadgets.sigreturn.at);
	return library != module && is_relocated(look, library);
}

static bool is_module_ready(const struct look *look, const struct sut_patch *patch,
			    const struct sut_module *module)
{
	size_t n_files = 0;

	for (size_t i = 0; i < look->now.modules.n; i++)
		n_files += look->now.modules.items[i].inode != 0;
	// The dynamic linker itself, and a static program: nobody comes before them.
	if (n_files == 1 || module->span.start == look->interpreter)
		return true;
	return look->gadgets.sigreturn.at &&
	       (!sut_imports_exist(patch) || is_relocated(look, module));
}

static bool is_standing(const struct look *look, const struct sut_patch *patch,
			const struct sut_module *module)
{
	for (size_t i = 0; i < look->traces.n; i++) {
		const struct sut_trace *trace = &look->traces.items[i];
		bool is_same = memcmp(trace->digest.bytes, patch->digest.bytes,
				      SUT_SHA256_SIZE) == 0;
		if (trace->base == module->base && trace->state == SUT_TRACE_APPLIED &&
		    sut_build_id_equal(&trace->build_id, &module->build_id) &&
		    (is_same || look->takes_any))
			return true;
	}
	return false;
}

static bool is_for(const struct sut_patch *patch, const struct sut_module *module)
{
	struct sut_build_id id;

	return sut_build_id_parse(sut_patch_string(patch, "old_build_id"), &id) &&
	       sut_build_id_equal(&id, &module->build_id);
}

static enum readiness judge(const struct sut_apply *apply, const struct look *look)
{
	enum readiness all = READY_NOTHING;

	for (size_t i = 0; i < apply->n_patches; i++) {
		for (size_t j = 0; j < look->now.modules.n; j++) {
			const struct sut_patch *patch = &apply->patches[i];
			const struct sut_module *module = &look->now.modules.items[j];
			if (!is_for(patch, module))
				continue;
			enum readiness one =
				is_standing(look, patch, module) ? READY_DONE :
				is_module_ready(look, patch, module)	  ? READY_NOW :
									    READY_NOT_YET;
			// One that is not ready holds up the others: they go together.
			if (all == READY_NOT_YET || one == READY_NOT_YET)
				all = READY_NOT_YET;
			else if (one > all)
				all = one;
		}
	}
	return all;
}

static bool has_ours(const struct sut_apply *apply, const struct look *look)
{
	for (size_t i = 0; i < apply->n_patches; i++)
		for (size_t j = 0; j < look->now.modules.n; j++)
			if (is_for(&apply->patches[i], &look->now.modules.items[j]))
				return true;
	return false;
}

static struct sut_err *look_at(pid_t pid, const struct sut_apply *apply, bool takes_any,
			       enum readiness *ret)
{
	_cleanup_(look_deinit) struct look look = { .takes_any = takes_any };
	struct sut_err *err = sut_snapshot_open(pid, &look.now);

	*ret = READY_NOTHING;
	if (err) {
		look.now = (struct sut_snapshot){ .process = { .dir = -1, .thread = -1, .memory = -1 } };
		return err;
	}
	err = sut_snapshot_read(&look.now);
	if (err || !has_ours(apply, &look))
		return err;
	err = sut_traces_read(&look.now.process, &look.now.maps, &look.traces);
	if (!err)
		err = sut_gadgets_find(&look.now.process, &look.now.maps, &look.gadgets);
	if (err)
		return err;
	look.interpreter = read_auxv(&look.now.process, AT_BASE);
	*ret = judge(apply, &look);
	return NULL;
}

bool sut_start_is_patched(pid_t pid, const struct sut_apply *apply, bool takes_any)
{
	enum readiness readiness;
	struct sut_err *err = look_at(pid, apply, takes_any, &readiness);

	sut_err_free(err);
	return !err && readiness == READY_DONE;
}

/** One start on its way. */
struct work {
	const struct sut_start *start;
	struct sut_follow follow;
	int fd;              /**< The guarded file in the process; -1: none. */
	uint64_t dev, inode; /**< Which it is. */
	bool is_expected;    /**< It waits for another one. */
	bool is_exec;        /**< The last one that counted was an execve. */
	bool is_late;
	size_t n_calls;
	json_t *row;
};

static void say(int channel, enum sut_start_message message)
{
	char byte = message;

	// A watcher that is gone needs no answer.
	ssize_t ignored = send(channel, &byte, 1, MSG_NOSIGNAL);
	(void)ignored;
}

static bool hears_more(int channel)
{
	char byte = 0;

	return recv(channel, &byte, 1, MSG_DONTWAIT) == 1 && byte == SUT_START_MORE;
}

static bool is_exec_call(const struct sut_follow *f)
{
	return f->call == SYS_execve || f->call == SYS_execveat;
}

// The call that waited for the guard is over. False when it has failed.
static bool take_file(struct work *work)
{
	const struct sut_follow *f = &work->follow;

	work->is_expected = false;
	work->n_calls = 0;
	if (f->result < 0)
		return false;
	work->is_exec = is_exec_call(f);
	work->fd = work->is_exec ? -1 : f->result;
	return work->is_exec ||
	       sut_follow_identify(f, work->fd, &work->dev, &work->inode);
}

// Calls after which a loader may have come further. The many others are skipped,
// for a look costs more than they do.
static bool is_step(const struct work *work)
{
	switch (work->follow.call) {
	case SYS_execve:
	case SYS_execveat:
	case SYS_close:
	case SYS_mprotect:
		return true;
	case SYS_mmap:
	case SYS_read:
	case SYS_pread64:
	case SYS_openat:
	case SYS_newfstatat:
	case SYS_fstat:
	case SYS_lseek:
	case SYS_brk:
	case SYS_access:
		return false;
	default:
		return !work->is_exec || work->n_calls > 8;
	}
}

static void apply_held(struct work *work)
{
	json_decref(work->row);
	work->row = sut_apply_held(work->follow.pid, work->follow.tid, work->start->apply);
}

// At a stop: is there anything left to wait for?
static bool is_over(struct work *work)
{
	bool is_given_up = work->n_calls > (work->is_exec ? MAX_CALLS : MAX_READS);
	enum readiness readiness;

	if (!is_step(work) && !is_given_up)
		return false;
	struct sut_err *err = look_at(work->follow.pid, work->start->apply, false,
				      &readiness);
	sut_err_free(err);
	if (err)
		return true;
	if (readiness == READY_NOT_YET && is_given_up) {
		work->is_late = true;
		readiness = READY_NOW;
	}
	if (readiness == READY_NOW)
		apply_held(work);
	if (readiness == READY_NOT_YET || work->is_expected)
		return false;
	// A file that is open still may be loaded yet.
	return is_given_up || work->fd < 0 ||
	       !sut_follow_has_open(&work->follow, work->fd, work->dev, work->inode);
}

static struct sut_err *follow(struct work *work)
{
	enum sut_follow_event event;

	for (bool is_first = true;;) {
		uint64_t deadline = sut_now() + patience;
		struct sut_err *err = sut_follow_next(&work->follow, deadline, &event);
		if (err || event == SUT_FOLLOW_GONE)
			return err;
		if (event == SUT_FOLLOW_AWAKE) {
			if (hears_more(work->start->channel)) {
				work->is_expected = true;
				say(work->start->channel, SUT_START_TAKEN);
			} else if (sut_now() >= deadline) {
				return NULL;
			}
			continue;
		}
		work->n_calls++;
		bool is_file = is_first || is_exec_call(&work->follow) ||
			       (work->is_expected && work->follow.call == SYS_openat);
		is_first = false;
		if (is_file && !take_file(work) && !work->is_exec)
			return NULL;
		if (is_over(work))
			return NULL;
	}
}

static json_t *answer(struct work *work)
{
	return json_pack("{s:o?, s:s, s:b}", "row", work->row, "cause",
			 work->is_exec ? "exec" : "open", "late", work->is_late);
}

static void fail(struct work *work, struct sut_err *err)
{
	struct sut_row row = { .pid = work->follow.pid };

	sut_row_fail(&row, err);
	work->row = sut_row_to_json(&row);
	sut_row_deinit(&row);
}

json_t *sut_start_work(void *context)
{
	static const uint64_t seize_limit = 2000000000; // ns
	struct sut_start *start = context;
	struct work work = { .start = start,
			     .fd = -1 };

	sut_guard_close(&start->guard);
	close(start->opening.fd);
	struct sut_err *err = sut_follow_init(start->opening.tid, &work.follow);
	work.is_exec = work.follow.is_exec;
	if (!err)
		err = sut_follow_seize(&work.follow, sut_now() + seize_limit);
	say(start->channel, err ? SUT_START_FAILED : SUT_START_SEIZED);
	if (!err)
		err = follow(&work);
	sut_follow_release(&work.follow);
	// One that has exited loads nothing.
	if (err && err->code != SUT_E_GONE)
		fail(&work, err);
	else
		sut_err_free(err);
	return answer(&work);
}
