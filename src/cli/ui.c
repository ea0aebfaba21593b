// SPDX-License-Identifier: Apache-2.0
#include "cli/ui.h"

#include <errno.h>
#include <stdarg.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

static struct sut_err *bad_option(char **argv)
{
	// getopt leaves the letter of a short option, and for a long one that takes
	// no value ("--json=1") the letter that stands for it.
	char *word = argv[optind - 1];

	if (optopt && !(strncmp(word, "--", 2) == 0 && strchr(word, '=')))
		return sut_err(SUT_E_USAGE, "bad option '-%c'; see 'suture %s --help'", optopt,
			       argv[0]);
	return sut_err(SUT_E_USAGE, "bad option '%s'; see 'suture %s --help'", word, argv[0]);
}

struct sut_err *sut_ui_option(int argc, char **argv, const char *shorts,
			      const struct option *longs, int *ret)
{
	char quiet_shorts[64];

	// A leading ':' tells a missing value from an unknown option.
	snprintf(quiet_shorts, sizeof(quiet_shorts), ":%s", shorts);
	opterr = 0;
	int found = getopt_long(argc, argv, quiet_shorts, longs, NULL);
	if (found == ':')
		return sut_err(SUT_E_USAGE, "option '%s' needs a value; see 'suture %s --help'",
			       argv[optind - 1], argv[0]);
	if (found == '?')
		return bad_option(argv);
	*ret = found;
	return NULL;
}

struct sut_err *sut_ui_options(int argc, char **argv, const struct sut_ui_place *places)
{
	struct option longs[32] = { 0 };
	int at;

	// The place is the option's letter, from 1 on: 0 has a meaning of its own.
	for (int i = 0; places[i].name; i++)
		longs[i] = (struct option){ .name = places[i].name,
					    .has_arg = places[i].text ? required_argument
								      : no_argument,
					    .val = i + 1 };
	for (;;) {
		struct sut_err *err = sut_ui_option(argc, argv, "", longs, &at);
		if (err || at < 0)
			return err;
		const struct sut_ui_place *place = &places[at - 1];
		if (place->text)
			*place->text = optarg;
		else
			*place->flag = true;
	}
}

struct sut_err *sut_ui_number(const char *text, const char *what, long low, long high,
			      long *ret)
{
	char *end;

	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < low || value > high)
		return sut_err(SUT_E_USAGE, "%s: '%s' is not a number from %ld to %ld", what, text,
			       low, high);
	*ret = value;
	return NULL;
}

struct sut_err *sut_ui_read_patch(const char *path, struct sut_patch *ret, uint64_t *size_ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_file_read(path, &file);

	if (err)
		return err;
	err = sut_patch_read(file.view, ret);
	if (err)
		return sut_err_wrap(err, "%s", path);
	if (size_ret)
		*size_ret = file.view.size;
	return NULL;
}

struct sut_err *sut_ui_print_json(json_t *value)
{
	if (!value)
		return sut_err_nomem();

	int failed = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
	json_decref(value);
	if (failed)
		return sut_err(SUT_E_OS, "cannot print JSON");
	putchar('\n');
	return NULL;
}

void sut_ui_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

void sut_ui_progress(size_t n_done, size_t n_all, const char *what)
{
	static const size_t worth_showing = 10;

	if (n_all < worth_showing || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%zu of %zu %s", n_done, n_all, what);
	if (n_done == n_all)
		fputs("\r\033[K", stderr);
}

struct sut_size_text sut_ui_size(uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	struct sut_size_text size;
	double value = bytes / 1024.0;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(size.text, sizeof(size.text), "%d B", (int)bytes);
		return size;
	}
	for (; value >= 1024 && unit < 3; unit++)
		value /= 1024;
	snprintf(size.text, sizeof(size.text), "%.1f %s", value, units[unit]);
	return size;
}

struct sut_table {
	struct libscols_table *table;
	size_t n_columns;
};

struct sut_err *sut_table_new(const struct sut_column *columns, struct sut_table **ret)
{
	static const int flags[] = {
		[SUT_COLUMN_TEXT] = 0,
		[SUT_COLUMN_NUMBER] = SCOLS_FL_RIGHT,
		[SUT_COLUMN_LONG] = SCOLS_FL_WRAP,
	};
	struct sut_table *table = calloc(1, sizeof(*table));

	if (!table)
		return sut_err_nomem();
	table->table = scols_new_table();
	for (; table->table && columns->title; columns++, table->n_columns++) {
		if (!scols_table_new_column(table->table, columns->title, 0,
					    flags[columns->kind])) {
			sut_table_free(table);
			return sut_err_nomem();
		}
	}
	if (!table->table) {
		sut_table_free(table);
		return sut_err_nomem();
	}
	*ret = table;
	return NULL;
}

void sut_table_free(struct sut_table *table)
{
	if (!table)
		return;
	scols_unref_table(table->table);
	free(table);
}

struct sut_err *sut_table_row(struct sut_table *table, const char *const *cells)
{
	struct libscols_line *line = scols_table_new_line(table->table, NULL);

	if (!line)
		return sut_err_nomem();
	for (size_t i = 0; i < table->n_columns; i++)
		if (scols_line_set_data(line, i, cells[i]) < 0)
			return sut_err_nomem();
	return NULL;
}

struct sut_err *sut_table_print(struct sut_table *table)
{
	if (scols_print_table(table->table) < 0)
		return sut_err_nomem();
	return NULL;
}
