// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Commands
 *
 * `suture COMMAND …` is a table in main.c; each command lives in a file of its
 * own, cmd_NAME.c, and ends with one of these exit statuses.
 */

#include "base/err.h"

enum sut_exit {
	SUT_EXIT_OK = 0,
	SUT_EXIT_ERROR = 1,
	SUT_EXIT_USAGE = 2,
	SUT_EXIT_REFUSED = 3,    /**< build, repo add: a file was refused or waits for review;
				  repo check, publish: a rule is broken. */
	SUT_EXIT_NOTHING = 4,    /**< build: nothing to patch. */
	SUT_EXIT_SOME_NOT = 5,   /**< apply, revert, verify, status: some target is not as asked;
				  doctor: it does not work here. */
	SUT_EXIT_NO_TARGET = 6,  /**< apply, revert, verify: no process maps it. */
};

/** A command. @p argv[0] is its name. Returns an error, or sets @p status. */
typedef struct sut_err *(*sut_command_fn)(int argc, char **argv,
					  enum sut_exit *status);

struct sut_command {
	const char *name;
	const char *summary; /**< One line for `suture --help`. */
	const char *usage;   /**< Full text for `suture NAME --help`. */
	sut_command_fn run;
};

struct sut_err *sut_cmd_build(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_show(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_apply(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_watch(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_status(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_symbols(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_verify(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_revert(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_doctor(int argc, char **argv, enum sut_exit *status);

/** The usage of commands, beside them. */
extern const char sut_usage_hub[];
struct sut_err *sut_cmd_hub(int argc, char **argv, enum sut_exit *status);
extern const char sut_usage_calendar[], sut_usage_fetch[], sut_usage_repo[];
struct sut_err *sut_cmd_calendar(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_fetch(int argc, char **argv, enum sut_exit *status);
struct sut_err *sut_cmd_repo(int argc, char **argv, enum sut_exit *status);
