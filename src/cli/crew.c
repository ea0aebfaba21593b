// SPDX-License-Identifier: Apache-2.0
#include "cli/crew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ui.h"
#include "engine/frames.h"
#include "patch/patch.h"

static struct sut_err *add_pid(struct sut_crew_options *options, const char *text)
{
	long pid;
	struct sut_err *err = sut_ui_number(text, "--pid", 1, 1 << 22, &pid);

	if (err)
		return err;
	pid_t *pids = reallocarray(options->pids, options->n_pids + 1, sizeof(*pids));
	if (!pids)
		return sut_err_nomem();
	pids[options->n_pids++] = pid;
	options->pids = pids;
	return NULL;
}

static struct sut_err *read_timeout(struct sut_crew_options *options, const char *text)
{
	char *end;

	options->timeout = strtod(text, &end);
	if (*text == 0 || *end || !(options->timeout >= 0) || options->timeout > 86400)
		return sut_err(SUT_E_USAGE, "--timeout wants seconds, from 0 to 86400, not \"%s\"",
			       text);
	return NULL;
}

static struct sut_err *take_option(struct sut_crew_options *options, int option)
{
	switch (option) {
	case 'p':
		return add_pid(options, optarg);
	case 't':
		return read_timeout(options, optarg);
	case 'a':
		options->agent = optarg;
		return NULL;
	case 'e':
		options->is_entry_only = true;
		return NULL;
	case 'n':
		options->is_dry_run = true;
		return NULL;
	default:
		options->is_json = true;
		return NULL;
	}
}

struct sut_err *sut_crew_options_read(int argc, char **argv, struct sut_crew_options *ret)
{
	static const struct option longs[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "timeout", required_argument, NULL, 't' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "entry-only", no_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ "agent", required_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	struct sut_crew_options options = { .timeout = 10 };
	struct sut_err *err;
	int option;

	for (;;) {
		err = sut_ui_option(argc, argv, "p:t:n", longs, &option);
		if (err || option < 0)
			break;
		err = take_option(&options, option);
		if (err)
			break;
	}
	if (err) {
		sut_crew_options_deinit(&options);
		return err;
	}
	options.files = argv + optind;
	options.n_files = argc - optind;
	*ret = options;
	return NULL;
}

void sut_crew_options_deinit(struct sut_crew_options *options)
{
	free(options->pids);
	*options = (struct sut_crew_options){ 0 };
}

struct sut_err *sut_crew_read_patches(const struct sut_crew_options *options,
				      struct sut_patch **ret)
{
	struct sut_patch *patches = calloc(options->n_files + 1, sizeof(*patches));

	if (!patches)
		return sut_err_nomem();
	for (size_t i = 0; i < options->n_files; i++) {
		struct sut_err *err = sut_ui_read_patch(options->files[i], &patches[i], NULL);
		if (err) {
			sut_crew_free_patches(patches, i);
			return err;
		}
	}
	*ret = patches;
	return NULL;
}

void sut_crew_free_patches(struct sut_patch *patches, size_t n)
{
	for (size_t i = 0; patches && i < n; i++)
		sut_patch_deinit(&patches[i]);
	free(patches);
}

static volatile sig_atomic_t is_cancelled;

static void cancel(int sig)
{
	(void)sig;
	is_cancelled = 1;
}

const volatile sig_atomic_t *sut_crew_catch_signals(void)
{
	struct sigaction action = { .sa_handler = cancel };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return &is_cancelled;
}

void sut_crew_progress(size_t n_done, size_t n_pids, void *context)
{
	(void)context;
	sut_ui_progress(n_done, n_pids, "processes");
}

static bool is_as_asked(enum sut_outcome outcome)
{
	return outcome == SUT_OUTCOME_PATCHED || outcome == SUT_OUTCOME_REVERTED ||
	       outcome == SUT_OUTCOME_VERIFIED || outcome == SUT_OUTCOME_ALREADY ||
	       outcome == SUT_OUTCOME_READY;
}

// Of those that a search found, some may always be about to end.
static enum sut_exit find_status(const struct sut_row *rows, size_t n, bool is_found)
{
	size_t n_gone = 0;

	for (size_t i = 0; i < n; i++) {
		bool is_gone = is_found && rows[i].outcome == SUT_OUTCOME_GONE;
		if (!is_gone && !is_as_asked(rows[i].outcome))
			return SUT_EXIT_SOME_NOT;
		n_gone += is_gone;
	}
	return n_gone == n ? SUT_EXIT_NO_TARGET : SUT_EXIT_OK;
}

static struct sut_err *print_json(const struct sut_row *rows, size_t n, size_t n_hidden)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, sut_row_to_json(&rows[i])) < 0) {
			json_decref(list);
			return sut_err_nomem();
		}
	return sut_ui_print_json(
		json_pack("{s:o, s:I}", "processes", list, "hidden", (json_int_t)n_hidden));
}

static struct sut_err *print_table(const struct sut_row *rows, size_t n)
{
	static const struct sut_column columns[] = {
		{ "PID", SUT_COLUMN_NUMBER },   { "PROCESS", SUT_COLUMN_TEXT },
		{ "RESULT", SUT_COLUMN_TEXT },  { "THREADS", SUT_COLUMN_NUMBER },
		{ "TRIES", SUT_COLUMN_NUMBER }, { "PAUSE MS", SUT_COLUMN_NUMBER },
		{ "REASON", SUT_COLUMN_LONG },  { NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);

	for (size_t i = 0; i < n && !err; i++) {
		char pid[16], threads[24] = "", tries[24] = "", pause[24] = "";
		snprintf(pid, sizeof(pid), "%d", rows[i].pid);
		if (rows[i].n_tries) {
			snprintf(threads, sizeof(threads), "%zu", rows[i].n_threads);
			snprintf(tries, sizeof(tries), "%zu", rows[i].n_tries);
			snprintf(pause, sizeof(pause), "%.3f", rows[i].pause / 1e6);
		}
		_cleanup_free_ char *reason = NULL;
		_cleanup_free_ char *stack = sut_frames_text(rows[i].blocker);
		if (!stack || asprintf(&reason, "%s%s%s", rows[i].reason ? rows[i].reason : "",
				       *stack ? "; its stack: " : "", stack) < 0)
			return sut_err_nomem();
		const char *cells[] = { pid,     rows[i].name, sut_outcome_name(rows[i].outcome),
					threads, tries,        pause,
					reason };
		err = sut_table_row(table, cells);
	}
	return err ? err : sut_table_print(table);
}

struct sut_err *sut_crew_print(const struct sut_row *rows, size_t n, size_t n_hidden, bool is_found,
			       bool is_json, enum sut_exit *status)
{
	*status = find_status(rows, n, is_found);
	if (is_json)
		return print_json(rows, n, n_hidden);
	struct sut_err *err = n ? print_table(rows, n) : NULL;
	if (n == 0)
		sut_ui_say("no process runs it");
	if (n_hidden)
		sut_ui_say("%zu process%s could not be looked into: no permission", n_hidden,
			   n_hidden == 1 ? "" : "es");
	return err;
}
