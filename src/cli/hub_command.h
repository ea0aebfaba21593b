// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the commands of `suture hub` share
 *
 * Each is a row of a table (cmd_hub.c): its words, the options it takes, how many
 * arguments, and a function. Options are read once, for all of them.
 */

#include <stdbool.h>

#include "cli/command.h"
#include "cli/hub_client.h"

/** A call of `suture hub WORD…`. Everything is borrowed. */
struct sut_hub_call {
	struct sut_hub_client *hub; /**< NULL for login and logout. */
	char **args;                /**< Arguments behind the command's words. */
	int n_args;
	bool is_json;
	const char *options[32]; /**< By enum sut_hub_option; NULL: not given. */
	size_t most;             /**< --limit, or 1000. */
};

/** Options with a value. */
enum sut_hub_option {
	SUT_HUB_CA_FILE,
	SUT_HUB_FINGERPRINT,
	SUT_HUB_USER,
	SUT_HUB_PASSWORD_FILE,
	SUT_HUB_NEW_PASSWORD_FILE,
	SUT_HUB_TOKEN_FILE,
	SUT_HUB_STATUS,
	SUT_HUB_RING,
	SUT_HUB_GROUP,
	SUT_HUB_FIND,
	SUT_HUB_SORT,
	SUT_HUB_LIMIT,
	SUT_HUB_REASON,
	SUT_HUB_HOTPATCH,
	SUT_HUB_LABEL,
	SUT_HUB_USES,
	SUT_HUB_EXPIRES,
	SUT_HUB_ROLE,
	SUT_HUB_ACTOR,
	SUT_HUB_ACTION,
	SUT_HUB_YEAR,
	SUT_HUB_N_OPTIONS,
};

typedef struct sut_err *(*sut_hub_command_fn)(struct sut_hub_call *call);

/** A command. */
struct sut_hub_command {
	const char *words; /**< "rollouts", "policy get". */
	int n_args_low;
	int n_args_high;
	const char *args;  /**< For the error when they are not so many: "ROLLOUT". */
	const char *takes; /**< Long options that it takes besides --json. */
	sut_hub_command_fn run;
};

/** Each file's table, ended by a row without words. */
extern const struct sut_hub_command sut_hub_session_commands[];
extern const struct sut_hub_command sut_hub_device_commands[];
extern const struct sut_hub_command sut_hub_rollout_commands[];
extern const struct sut_hub_command sut_hub_admin_commands[];

/** A column of a printed list: a title, and the path of names to what it shows ("rings.0.name").
 *  Numbers stand on the right, absent and null values are empty. */
struct sut_hub_column {
	const char *title;
	const char *key;
	int kind; /**< enum sut_column_kind. */
};

/** Print @p rows, an array of objects; or say @p empty where there is none. */
sut_check struct sut_err *
sut_hub_print_rows(const json_t *rows, const struct sut_hub_column *columns, const char *empty);
/** Print a fact: a name, and what @p key of @p object is; nothing where it is null. */
void sut_hub_print_fact(const char *name, const json_t *object, const char *key);
/** What @p key (a path) of @p object is, as text; borrowed from @p room, or from the object. */
const char *sut_hub_text(const json_t *object, const char *key, char room[32]);

/** Fetch the list @p path and print it: as JSON, or as @p columns; says when it was cut. */
sut_check struct sut_err *sut_hub_show_list(const struct sut_hub_call *call, const char *path,
					    const struct sut_hub_column *columns,
					    const char *empty);
/** Call @p method on @p base plus the escaped @p name plus @p tail. @p name and @p tail may be
 *  NULL. @p ret as for sut_hub_client_call(). */
sut_check struct sut_err *sut_hub_ask(const struct sut_hub_call *call, const char *method,
				      const char *base, const char *name, const char *tail,
				      const json_t *body, json_t **ret);
/** The options' texts in a JSON object: --reason becomes "reason". Each must be valid UTF-8. */
sut_check struct sut_err *sut_hub_put(json_t *body, const char *key, const char *value);
/** SUT_E_USAGE when --reason was not given: whoever reads the audit log wants to know. */
sut_check struct sut_err *sut_hub_need_reason(const struct sut_hub_call *call);
