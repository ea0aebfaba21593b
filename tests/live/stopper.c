// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-stopper PID COUNT INTERVAL_US
 *
 * Stops all threads of PID and lets them go on, COUNT times, with the tracer of
 * the product. Prints the shortest, median and longest pause in microseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "process/process.h"
#include "process/tracer.h"
#include "process/worker.h"

/** The arguments. */
struct job {
	pid_t pid;
	int count;
	uint64_t interval; // ns
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static json_t *fail(struct sut_err *err)
{
	json_t *text = json_string(err->msg);

	sut_err_free(err);
	return text;
}

static json_t *work(void *context)
{
	const struct job *job = context;
	struct sut_process process;
	struct sut_tracer tracer;
	double *pauses = calloc(job->count, sizeof(*pauses));
	struct sut_err *err = sut_process_open(job->pid, &process);

	if (err)
		return fail(err);
	sut_tracer_init(&process, &tracer);
	for (int i = 0; i < job->count; i++) {
		struct sut_stop stop;
		err = sut_tracer_stop(&tracer, sut_now() + 5000000000, &stop);
		if (err)
			return fail(err);
		if (!stop.is_complete)
			return json_sprintf("thread %d did not stop", stop.straggler);
		pauses[i] = (sut_tracer_go(&tracer) - stop.begin) / 1000.0;
		sut_tracer_attend(&tracer, sut_now() + job->interval, false);
	}
	sut_tracer_attend(&tracer, sut_now() + 1000000000, true);
	qsort(pauses, job->count, sizeof(*pauses), by_value);
	return json_pack("{s:f, s:f, s:f, s:i}", "min", pauses[0], "median",
			 pauses[job->count / 2], "max", pauses[job->count - 1], "threads",
			 (int)sut_tracer_count(&tracer));
}

int main(int argc, char **argv)
{
	struct sut_worker worker;
	json_t *answer;

	if (argc != 4)
		return 2;
	struct job job = { atoi(argv[1]), atoi(argv[2]), atoi(argv[3]) * 1000ull };
	struct sut_err *err = sut_worker_start(work, &job, &worker);
	if (!err)
		err = sut_worker_finish(&worker, &answer);
	if (err) {
		fprintf(stderr, "live-stopper: %s\n", err->msg);
		return 1;
	}
	json_dumpf(answer, stdout, JSON_SORT_KEYS | JSON_ENCODE_ANY);
	puts("");
	return json_is_string(answer);
}
