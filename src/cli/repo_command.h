// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the commands of `suture repo` share
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"

struct sut_repository;

/** Options; each command says which it takes. */
enum sut_repo_option {
	SUT_REPO_KEYS,
	SUT_REPO_PASSPHRASE_FILE,
	SUT_REPO_PRODUCT,
	SUT_REPO_POLICY,
	SUT_REPO_ROLE,
	SUT_REPO_PERIOD,
	SUT_REPO_DATE,
	SUT_REPO_ADVISORY,
	SUT_REPO_SEVERITY,
	SUT_REPO_PUBLISHED,
	SUT_REPO_PACKAGE,
	SUT_REPO_SUMMARY,
	SUT_REPO_BASELINE,
	SUT_REPO_ACCEPT,
	SUT_REPO_LEAVE,
	SUT_REPO_REASON,
	SUT_REPO_OPEN,
	SUT_REPO_PUBLIC,
	SUT_REPO_THRESHOLD,
	SUT_REPO_EXPORT,
	SUT_REPO_IMPORT,
	SUT_REPO_FILE,
	SUT_REPO_KEEP,
	SUT_REPO_UNPLANNED, /**< From here on they take no value. */
	SUT_REPO_PAUSE,
	SUT_REPO_RESUME,
	SUT_REPO_EXPEDITE,
	SUT_REPO_ROLL_BACK,
	SUT_REPO_COMPLETE,
	SUT_REPO_DRY_RUN,
	SUT_REPO_JSON,
	SUT_REPO_N_OPTIONS,
};

/** An option as it was given. */
struct sut_repo_given {
	int option;
	char *value; /**< Borrowed from argv; "" for those without a value. */
};

/** A command as it was called. Owns the list and the answer; borrows argv. */
struct sut_repo_call {
	const char *path; /**< Of the repository; NULL: the command works without. */
	char **args;      /**< Behind the path. */
	int n_args;
	struct sut_repo_given *given;
	size_t n_given;
	bool is_json, is_dry;
	int64_t now;
	struct sut_repository *repository; /**< Open and locked, when the command wants it. */
	json_t *answer;                    /**< What --json prints: an object. */
	enum sut_exit status;
};

/** A command. */
struct sut_repo_command {
	const char *words; /**< "key add" */
	const char *takes; /**< Names of its options, as enum sut_repo_option has them. */
	int n_args_low, n_args_high;
	bool needs_repository; /**< Opened before; init and signing a file do without. */
	struct sut_err *(*run)(struct sut_repo_call *call);
};

/** The tables, each ended by one without words. */
extern const struct sut_repo_command sut_repo_key_commands[], sut_repo_content_commands[],
	sut_repo_release_commands[], sut_repo_publish_commands[], sut_repo_prune_commands[];

/** The value of an option, the last one if it was given several times; NULL: not given. */
const char *sut_repo_value(const struct sut_repo_call *call, enum sut_repo_option option);
bool sut_repo_has(const struct sut_repo_call *call, enum sut_repo_option option);

/** The date of --date, or today. */
sut_check struct sut_err *sut_repo_date(const struct sut_repo_call *call,
					enum sut_repo_option option, int64_t *ret);

/** Print a line for people; nothing with --json. */
void sut_repo_say(const struct sut_repo_call *call, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** Add to the answer; @p value is consumed. */
sut_check struct sut_err *sut_repo_answer(struct sut_repo_call *call, const char *key,
					  json_t *value);

/** Is @p name a release's name? SUT_E_USAGE says what one looks like. */
sut_check struct sut_err *sut_repo_check_name(const char *name);
