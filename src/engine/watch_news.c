// SPDX-License-Identifier: Apache-2.0
#include "engine/scan.h"
#include "engine/watch_parts.h"
#include "process/tracer.h"

// A program's libraries come a moment after the program; so each is looked at twice.
static const uint64_t settle_time = UINT64_C(200000000); // ns

// Looks take at most a tenth of one processor's time.
enum { REST = 9 };

bool sut_run_wants_news(struct sut_run *run)
{
	return run->execs.fd >= 0 && run->n_fresh < MAX_FRESH / 2 && sut_now() >= run->next_look &&
	       !sut_run_job(run, JOB_LOOK, 0);
}

void sut_run_take_news(struct sut_run *run)
{
	uint64_t now = sut_now();

	while (run->n_fresh < MAX_FRESH) {
		pid_t pid;
		enum sut_execs_news news = sut_execs_next(&run->execs, &pid);
		if (news == SUT_EXECS_NONE)
			return;
		if (news == SUT_EXECS_LOST) {
			sut_run_scan_soon(run);
			return;
		}
		run->fresh[run->n_fresh++] = (struct sut_fresh){ .pid = pid, .due = now };
	}
}

uint64_t sut_run_look_due(const struct sut_run *run)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < run->n_fresh; i++)
		if (run->fresh[i].due < first)
			first = run->fresh[i].due;
	if (first == UINT64_MAX)
		return first;
	return first > run->next_look ? first : run->next_look;
}

// Take those that are due: settled ones or others, whichever comes first. The others
// stay, to be looked at again.
static size_t take_due(struct sut_run *run, pid_t *pids, bool *is_settled)
{
	uint64_t now = sut_now();
	size_t n = 0, n_left = 0;

	for (size_t i = 0; i < run->n_fresh; i++) {
		struct sut_fresh one = run->fresh[i];
		if (n == 0)
			*is_settled = one.is_settled;
		bool is_due = one.due <= now && one.is_settled == *is_settled;
		if (is_due)
			pids[n++] = one.pid;
		if (is_due && one.is_settled)
			continue;
		if (is_due)
			one = (struct sut_fresh){ one.pid, now + settle_time, true };
		run->fresh[n_left++] = one;
	}
	run->n_fresh = n_left;
	return n;
}

void sut_run_start_look(struct sut_run *run)
{
	pid_t pids[MAX_FRESH];

	if (run->n_scans < 2 || sut_run_job(run, JOB_LOOK, 0) || sut_run_look_due(run) > sut_now())
		return;
	struct sut_scan scan = { .apply = run->apply,
				 .guard = run->guard,
				 .takes_any = true,
				 .judged = run->judged,
				 .paths = run->paths,
				 .namespaces = run->namespaces,
				 .pids = pids };
	scan.n_pids = take_due(run, pids, &scan.is_settled);
	sut_run_start_job(run, JOB_LOOK, 0, sut_scan_work, &scan);
}

void sut_run_rest(struct sut_run *run, const struct sut_job *job)
{
	uint64_t now = sut_now();

	run->next_look = now + REST * (now - job->since);
}
