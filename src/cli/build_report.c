// SPDX-License-Identifier: Apache-2.0
#include "cli/build_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/ui.h"

void sut_report_deinit(struct sut_report *report)
{
	for (size_t i = 0; i < report->n_rows; i++) {
		sut_build_deinit(&report->rows[i].build);
		free(report->rows[i].output);
	}
	free(report->rows);
	*report = (struct sut_report){ 0 };
}

void sut_report_progress(const struct sut_report *report, size_t done, size_t n)
{
	(void)report;
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%zu of %zu files%s", done, n, done == n ? "\r\033[K" : "");
	fflush(stderr);
}

static const char *severity_name(enum sut_severity severity)
{
	return severity == SUT_SEVERITY_REFUSAL ? "refused" :
	       severity == SUT_SEVERITY_SIGN    ? "sign" :
						  "note";
}

static void print_reasons(const struct sut_build *build)
{
	for (size_t i = 0; i < build->reasons.n; i++) {
		const struct sut_reason *r = &build->reasons.list[i];
		printf("  %s %s%s%s: %s\n", severity_name(r->severity), r->code,
		       *r->function ? " in " : "", r->function, r->detail);
		if (r->accepted)
			printf("    accepted: %s\n", r->accepted);
	}
	if (build->verdict == SUT_VERDICT_REVIEW)
		printf("  Weigh each sign; then accept it with --accept CODE[:FUNCTION]=\"why\", or "
		       "install the update and restart.\n");
}

static struct sut_err *print_table(const struct sut_report *report)
{
	static const struct sut_column columns[] = {
		{ "FILE", SUT_COLUMN_TEXT },      { "VERDICT", SUT_COLUMN_TEXT },
		{ "CHANGED", SUT_COLUMN_NUMBER }, { "ADDED", SUT_COLUMN_NUMBER },
		{ "COSMETIC", SUT_COLUMN_NUMBER }, { "IDENTICAL", SUT_COLUMN_NUMBER },
		{ "SIZE", SUT_COLUMN_NUMBER },    { "PACKED", SUT_COLUMN_NUMBER },
		{ NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);

	for (size_t i = 0; i < report->n_rows && !err; i++) {
		const struct sut_build *b = &report->rows[i].build;
		struct sut_size_text size = sut_ui_size(b->file.size);
		struct sut_size_text packed_size = sut_ui_size(b->packed_size);
		char numbers[4][24];
		const size_t values[4] = { b->n_changed, b->n_added, b->n_cosmetic,
					   b->n_identical };
		for (size_t k = 0; k < 4; k++)
			snprintf(numbers[k], sizeof(numbers[k]), "%zu", values[k]);
		const char *cells[] = {
			b->path,    sut_verdict_name(b->verdict),
			numbers[0], numbers[1],
			numbers[2], numbers[3],
			b->file.size ? size.text : "-",
			b->file.size ? packed_size.text : "-",
		};
		err = sut_table_row(table, cells);
	}
	return err ? err : sut_table_print(table);
}

static bool has_accepted(const struct sut_reasons *reasons, const struct sut_acceptance *a)
{
	for (size_t i = 0; i < reasons->n; i++) {
		const struct sut_reason *r = &reasons->list[i];
		if (r->accepted && strcmp(r->code, a->code) == 0 &&
		    (!a->function || strcmp(r->function, a->function) == 0))
			return true;
	}
	return false;
}

// An acceptance without a sign is no fault (scripts name what may come), but a
// mistyped one should be seen.
static bool is_used(const struct sut_report *report, const struct sut_acceptance *a)
{
	for (size_t i = 0; i < report->n_rows; i++)
		if (has_accepted(&report->rows[i].build.reasons, a))
			return true;
	return false;
}

static void print_unused(const struct sut_report *report)
{
	for (size_t i = 0; i < report->n_acceptances; i++) {
		const struct sut_acceptance *a = &report->acceptances[i];
		if (!is_used(report, a))
			printf("\n--accept %s%s%s: there is no such sign.\n", a->code,
			       a->function ? ":" : "", a->function ? a->function : "");
	}
}

struct sut_err *sut_report_print(const struct sut_report *report)
{
	if (report->n_rows == 0) {
		puts("No ELF file differs.");
		return NULL;
	}
	struct sut_err *err = print_table(report);
	if (err)
		return err;
	for (size_t i = 0; i < report->n_rows; i++) {
		const struct sut_report_row *row = &report->rows[i];
		if (row->build.reasons.n || row->output)
			printf("\n%s\n", row->build.path);
		if (row->output)
			printf("  written: %s\n", row->output);
		print_reasons(&row->build);
	}
	if (report->n_removed)
		printf("\n%zu ELF files are not in the new package.\n", report->n_removed);
	print_unused(report);
	return NULL;
}

static json_t *reasons_json(const struct sut_reasons *reasons)
{
	json_t *list = json_array();

	for (size_t i = 0; i < reasons->n; i++) {
		const struct sut_reason *r = &reasons->list[i];
		json_t *one = json_pack("{s:s, s:s, s:s, s:s}", "code", r->code, "function",
					r->function, "detail", r->detail, "severity",
					severity_name(r->severity));
		if (r->accepted)
			json_object_set_new(one, "accepted", json_string(r->accepted));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *row_json(const struct sut_report_row *row)
{
	const struct sut_build *b = &row->build;

	return json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:{s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:I}, s:I, s:I, s:s?}",
		"path", b->path, "old_build_id", b->old_build_id, "new_build_id",
		b->new_build_id, "verdict", sut_verdict_name(b->verdict), "reasons",
		reasons_json(&b->reasons), "functions", "total", (json_int_t)b->n_functions,
		"identical", (json_int_t)b->n_identical, "changed", (json_int_t)b->n_changed,
		"added", (json_int_t)b->n_added, "cosmetic", (json_int_t)b->n_cosmetic,
		"references", "total", (json_int_t)b->n_references, "unresolved",
		(json_int_t)b->n_unresolved, "size", (json_int_t)b->file.size, "packed_size",
		(json_int_t)b->packed_size, "output",
		row->output);
}

struct sut_err *sut_report_print_json(const struct sut_report *report)
{
	json_t *files = json_array();

	for (size_t i = 0; i < report->n_rows; i++)
		json_array_append_new(files, row_json(&report->rows[i]));
	return sut_ui_print_json(json_pack("{s:o, s:I, s:I}", "files", files, "old_size",
					   (json_int_t)report->old_size, "new_size",
					   (json_int_t)report->new_size));
}

enum sut_exit sut_report_status(const struct sut_report *report)
{
	bool has_hotpatch = false;

	for (size_t i = 0; i < report->n_rows; i++) {
		enum sut_verdict verdict = report->rows[i].build.verdict;
		if (verdict == SUT_VERDICT_REFUSED || verdict == SUT_VERDICT_REVIEW)
			return SUT_EXIT_REFUSED;
		has_hotpatch |= verdict == SUT_VERDICT_HOTPATCH;
	}
	return has_hotpatch ? SUT_EXIT_OK : SUT_EXIT_NOTHING;
}
