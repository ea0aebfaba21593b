// SPDX-License-Identifier: Apache-2.0
#include "engine/crew.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/** How many processes are worked on at once. Most of a worker's life is waiting
 *  for a target to leave a function. */
enum { CREW_SIZE = 16 };

/** A seat in the crew. */
struct seat {
	struct sut_worker worker; /**< pid 0: free. */
	size_t index;             /**< Into the crew's pids. */
};

/** A run. */
struct run {
	const struct sut_crew *crew;
	struct seat seats[CREW_SIZE];
	size_t next, n_done;
	bool is_cancelled;
	json_t **answers;
	struct sut_err **errors;
};

/** What one worker is told. */
struct task {
	const struct sut_crew *crew;
	pid_t pid;
};

static json_t *do_task(void *context)
{
	const struct task *task = context;

	return task->crew->work(task->pid, task->crew->context);
}

static void note_done(struct run *run, size_t index, json_t *answer, struct sut_err *err)
{
	const struct sut_crew *crew = run->crew;

	run->answers[index] = answer;
	run->errors[index] = err;
	run->n_done++;
	if (crew->progress)
		crew->progress(run->n_done, crew->n_pids, crew->progress_context);
}

static void start_some(struct run *run)
{
	for (size_t i = 0; i < CREW_SIZE; i++) {
		struct seat *seat = &run->seats[i];
		if (seat->worker.pid || run->next == run->crew->n_pids)
			continue;
		struct task task = { run->crew, run->crew->pids[run->next] };
		seat->index = run->next++;
		struct sut_err *err =
			run->is_cancelled ? sut_err(SUT_E_BUSY, "interrupted before it began") :
					    sut_worker_start(do_task, &task, &seat->worker);
		if (err)
			note_done(run, seat->index, NULL, err);
	}
}

static void check_cancel(struct run *run)
{
	if (run->is_cancelled || !run->crew->cancel || !*run->crew->cancel)
		return;
	run->is_cancelled = true;
	for (size_t i = 0; i < CREW_SIZE; i++)
		sut_worker_cancel(&run->seats[i].worker);
}

static void finish(struct run *run, struct seat *seat)
{
	json_t *answer = NULL;
	struct sut_err *err = sut_worker_finish(&seat->worker, &answer);

	note_done(run, seat->index, answer, err);
}

// Wait for any worker's answer. A signal that cancels may come just before the
// wait; so it does not last for ever. Empty seats are left out: poll(2) takes no
// more entries than there may be descriptors.
static struct sut_err *wait_some(struct run *run)
{
	struct pollfd fds[CREW_SIZE];
	struct seat *seats[CREW_SIZE];
	size_t n = 0;

	for (size_t i = 0; i < CREW_SIZE; i++) {
		if (!run->seats[i].worker.pid)
			continue;
		seats[n] = &run->seats[i];
		fds[n++] = (struct pollfd){ .fd = run->seats[i].worker.pipe, .events = POLLIN };
	}
	int n_ready = poll(fds, n, 100);
	if (n_ready < 0 && errno != EINTR)
		return sut_err_os(errno, "poll");
	for (size_t i = 0; i < n && n_ready > 0; i++)
		if (fds[i].revents)
			finish(run, seats[i]);
	return NULL;
}

// Nobody works on when we have given up.
static void dismiss(struct run *run)
{
	for (size_t i = 0; i < CREW_SIZE; i++)
		sut_worker_cancel(&run->seats[i].worker);
	for (size_t i = 0; i < CREW_SIZE; i++)
		if (run->seats[i].worker.pid)
			finish(run, &run->seats[i]);
	for (size_t i = 0; i < run->crew->n_pids; i++) {
		json_decref(run->answers[i]);
		sut_err_free(run->errors[i]);
	}
}

struct sut_err *sut_crew_run(const struct sut_crew *crew, json_t ***ret,
			     struct sut_err ***errors_ret)
{
	struct run run = {
		.crew = crew,
		.answers = calloc(crew->n_pids + 1, sizeof(*run.answers)),
		.errors = calloc(crew->n_pids + 1, sizeof(*run.errors)),
	};
	struct sut_err *err = run.answers && run.errors ? NULL : sut_err_nomem();

	while (!err && run.n_done < crew->n_pids) {
		check_cancel(&run);
		start_some(&run);
		if (run.n_done < crew->n_pids)
			err = wait_some(&run);
	}
	if (err) {
		if (run.answers && run.errors)
			dismiss(&run);
		free(run.answers);
		free(run.errors);
		return err;
	}
	*ret = run.answers;
	*errors_ret = run.errors;
	return NULL;
}

void sut_rows_free(struct sut_row *rows, size_t n)
{
	for (size_t i = 0; rows && i < n; i++)
		sut_row_deinit(&rows[i]);
	free(rows);
}

struct sut_err *sut_crew_rows(const struct sut_crew *crew, struct sut_row **ret)
{
	json_t **answers;
	struct sut_err **errors;
	struct sut_err *err = sut_crew_run(crew, &answers, &errors);

	if (err)
		return err;
	struct sut_row *rows = calloc(crew->n_pids + 1, sizeof(*rows));
	for (size_t i = 0; i < crew->n_pids; i++) {
		if (rows && answers[i] && !errors[i])
			errors[i] = sut_row_from_json(answers[i], &rows[i]);
		json_decref(answers[i]);
		if (!rows) {
			sut_err_free(errors[i]);
			continue;
		}
		rows[i].pid = crew->pids[i];
		sut_row_fail(&rows[i], errors[i]);
	}
	free(answers);
	free(errors);
	if (!rows)
		return sut_err_nomem();
	*ret = rows;
	return NULL;
}
