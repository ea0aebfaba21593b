// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the commands share: options, tables, JSON and sizes
 *
 * Beside main.c and cmd_*.c this is the only file that prints. Everything goes
 * to standard output; errors are returned, and main prints them.
 */

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "patch/patch.h"

/** Find the next option, as getopt_long(3) does (`optarg`, `optind`); @p ret is
 *  -1 after the last. An unknown option or a missing value is SUT_E_USAGE.
 *  @p shorts as for getopt, e.g. "o:". */
sut_check struct sut_err *sut_ui_option(int argc, char **argv, const char *shorts,
					const struct option *longs, int *ret);

/** A long option, and where it goes: exactly one of the two. */
struct sut_ui_place {
	const char *name; /**< Without "--"; NULL ends a list. */
	const char **text; /**< Its value, of argv. */
	bool *flag;        /**< It takes no value; true when given. */
};

/** Take all options: those of @p places, 31 at most. What follows them begins at `optind`. Errors
 *  as of sut_ui_option(). */
sut_check struct sut_err *sut_ui_options(int argc, char **argv, const struct sut_ui_place *places);

/** Parse @p text, a decimal number from @p low to @p high; @p what names it in the
 *  error ("--pid"), which is SUT_E_USAGE. */
sut_check struct sut_err *sut_ui_number(const char *text, const char *what, long low,
					long high, long *ret);

/** Read the hotpatch in the file @p path; errors name the path. @p size_ret is
 *  the file's size in bytes; NULL: not wanted. */
sut_check struct sut_err *sut_ui_read_patch(const char *path, struct sut_patch *ret,
					    uint64_t *size_ret);

/** Print @p value, indented and with sorted keys, and a newline. Takes the
 *  reference to @p value; NULL is an error for lack of memory. */
sut_check struct sut_err *sut_ui_print_json(json_t *value);

/** Print a line of text. */
void sut_ui_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Show on a terminal, on standard error, that @p n_done of @p n_all @p what are
 *  done; the line vanishes with the last. Not for fewer than ten. */
void sut_ui_progress(size_t n_done, size_t n_all, const char *what);

/** A size for people: "512 B", "3.4 KiB". Keep it in a variable while its text
 *  is in use. */
struct sut_size_text {
	char text[16];
};
struct sut_size_text sut_ui_size(uint64_t bytes);

/** How a column of a table is set. */
enum sut_column_kind {
	SUT_COLUMN_TEXT,   /**< Left. */
	SUT_COLUMN_NUMBER, /**< Right. */
	SUT_COLUMN_LONG,   /**< Sentences: on a terminal, wrapped to its width. */
};

/** A column of a table. */
struct sut_column {
	const char *title; /**< In capitals; NULL ends a list of columns. */
	enum sut_column_kind kind;
};

/** A table, printed as a whole. On a terminal it fits its width; elsewhere
 *  nothing is cut or wrapped. */
struct sut_table;

sut_check struct sut_err *sut_table_new(const struct sut_column *columns,
					struct sut_table **ret);
void sut_table_free(struct sut_table *table);
DEFINE_CLEANUP(struct sut_table *, sut_table_free)

/** Append a row: as many strings as columns, which are copied. */
sut_check struct sut_err *sut_table_row(struct sut_table *table, const char *const *cells);

/** Print the table with its titles. */
sut_check struct sut_err *sut_table_print(struct sut_table *table);
