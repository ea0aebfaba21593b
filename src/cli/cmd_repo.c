// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "cli/repo_command.h"
#include "cli/ui.h"
#include "fleet/date.h"
#include "fleet/version.h"
#include "tuf/repository.h"

const char sut_usage_repo[] =
	"usage: suture repo COMMAND REPO [ARGUMENT]... [OPTION]...\n\n"
	"Makes and keeps a signed repository of releases, in the folder REPO, which any web\n"
	"server serves. Changes are staged; publish makes them visible.\n\n"
	"  init REPO --keys KEYS --product NAME\n"
	"                      make a repository and all its keys: [--policy FILE]\n"
	"                      [--role ROLE=THRESHOLD/KEYS]... [--period ROLE=DAYS]...\n"
	"  baseline REPO NAME PACKAGE.deb|FOLDER...\n"
	"                      the manifest of a baseline: packages, versions, builds\n"
	"                      [--date DATE] [--unplanned-baseline]\n"
	"  advisory REPO ID --severity critical|high|medium|low|unknown\n"
	"                      --published DATE [--package NAME]... [--summary TEXT]\n"
	"  add REPO RELEASE --baseline NAME OLD.deb NEW.deb | FILE.hotpatch...\n"
	"                      build hotpatches and add them to a release: [--advisory ID]...\n"
	"                      [--accept CODE[:FUNCTION]=WHY]... [--leave FUNCTION]...\n"
	"                      [--date DATE]\n"
	"  check REPO RELEASE  may it be published? [--unplanned-baseline]\n"
	"  sign REPO --keys KEYS [--role ROLE]...\n"
	"                      sign what is staged\n"
	"  sign REPO --role ROLE --export FILE | sign REPO --import FILE\n"
	"  sign --file FILE --keys KEYS\n"
	"                      the same on another machine\n"
	"  publish REPO --keys KEYS\n"
	"                      sign what these keys may sign, and publish; refused when a check\n"
	"                      fails or a signature is missing\n"
	"  rollout REPO RELEASE --open RING|--pause|--resume|--expedite|--roll-back|--complete\n"
	"                      decide about a rollout, where no hub does: [--reason TEXT]\n"
	"                      [--keys KEYS]: publish it at once\n"
	"  recall REPO RELEASE|HOTPATCH... --reason TEXT [--keys KEYS]\n"
	"                      take releases or hotpatches out of every process, for good\n"
	"  prune REPO          remove old metadata, and files that nothing names any more:\n"
	"                      [--keep N] old versions stay (2)\n"
	"  status REPO         releases, roles, expiry, who has to sign what\n"
	"  key list REPO       the keys of all roles\n"
	"  key add REPO ROLE --keys KEYS|--public FILE [--threshold N]\n"
	"  key rotate REPO ROLE --keys KEYS\n"
	"                      another key, or a new one in place of all that the role has\n\n"
	"  --keys KEYS               folder of key files ROLE.key, ROLE-2.key, …\n"
	"  --passphrase-file FILE    the keys' passphrase, else SUTURE_PASSPHRASE_FILE names\n"
	"                            the file, else you are asked\n"
	"  --dry-run                 say what would be done, change nothing\n"
	"  --json                    print the outcome as JSON\n\n"
	"Exit status: 0 done (also when it was so already), 1 error, 2 bad usage, 3 a check\n"
	"failed, or something could not be hotpatched.\n";

static const char *const names[] = {
	[SUT_REPO_KEYS] = "keys",
	[SUT_REPO_PASSPHRASE_FILE] = "passphrase-file",
	[SUT_REPO_PRODUCT] = "product",
	[SUT_REPO_POLICY] = "policy",
	[SUT_REPO_ROLE] = "role",
	[SUT_REPO_PERIOD] = "period",
	[SUT_REPO_DATE] = "date",
	[SUT_REPO_ADVISORY] = "advisory",
	[SUT_REPO_SEVERITY] = "severity",
	[SUT_REPO_PUBLISHED] = "published",
	[SUT_REPO_PACKAGE] = "package",
	[SUT_REPO_SUMMARY] = "summary",
	[SUT_REPO_BASELINE] = "baseline",
	[SUT_REPO_ACCEPT] = "accept",
	[SUT_REPO_LEAVE] = "leave",
	[SUT_REPO_REASON] = "reason",
	[SUT_REPO_OPEN] = "open",
	[SUT_REPO_PUBLIC] = "public",
	[SUT_REPO_THRESHOLD] = "threshold",
	[SUT_REPO_EXPORT] = "export",
	[SUT_REPO_IMPORT] = "import",
	[SUT_REPO_FILE] = "file",
	[SUT_REPO_KEEP] = "keep",
	[SUT_REPO_UNPLANNED] = "unplanned-baseline",
	[SUT_REPO_PAUSE] = "pause",
	[SUT_REPO_RESUME] = "resume",
	[SUT_REPO_EXPEDITE] = "expedite",
	[SUT_REPO_ROLL_BACK] = "roll-back",
	[SUT_REPO_COMPLETE] = "complete",
	[SUT_REPO_DRY_RUN] = "dry-run",
	[SUT_REPO_JSON] = "json",
};

static const struct sut_repo_command *const tables[] = {
	sut_repo_key_commands,
	sut_repo_content_commands,
	sut_repo_release_commands,
	sut_repo_publish_commands,
	sut_repo_prune_commands,
};

const char *sut_repo_value(const struct sut_repo_call *call, enum sut_repo_option option)
{
	for (size_t i = call->n_given; i > 0; i--)
		if (call->given[i - 1].option == (int)option)
			return call->given[i - 1].value;
	return NULL;
}

bool sut_repo_has(const struct sut_repo_call *call, enum sut_repo_option option)
{
	return sut_repo_value(call, option);
}

struct sut_err *sut_repo_date(const struct sut_repo_call *call, enum sut_repo_option option,
			      int64_t *ret)
{
	const char *text = sut_repo_value(call, option);

	if (!text) {
		*ret = sut_date_begin(sut_date_of(call->now));
		return NULL;
	}
	if (!sut_date_parse(text, ret))
		return sut_err(SUT_E_USAGE, "--%s: '%s' is not a date like 2026-11-10",
			       names[option], text);
	return NULL;
}

void sut_repo_say(const struct sut_repo_call *call, const char *fmt, ...)
{
	va_list args;

	if (call->is_json)
		return;
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

struct sut_err *sut_repo_answer(struct sut_repo_call *call, const char *key, json_t *value)
{
	return json_object_set_new(call->answer, key, value) < 0 ? sut_err_nomem() : NULL;
}

struct sut_err *sut_repo_check_name(const char *name)
{
	struct sut_version version;

	if (sut_version_read(name, &version))
		return NULL;
	return sut_err(SUT_E_USAGE,
		       "'%s' is not a release's name, like 2026.11, or 2026.11.1 out of band",
		       name);
}

static struct sut_err *read_options(int argc, char **argv, struct sut_repo_call *call)
{
	struct option longs[SUT_REPO_N_OPTIONS + 1] = { 0 };

	for (int i = 0; i < SUT_REPO_N_OPTIONS; i++)
		longs[i] = (struct option){
			names[i], i < SUT_REPO_UNPLANNED ? required_argument : no_argument, NULL,
			// getopt keeps 0 to itself.
			i + 1
		};
	call->given = calloc(argc + 1, sizeof(*call->given));
	call->answer = json_object();
	if (!call->given || !call->answer)
		return sut_err_nomem();
	for (;;) {
		int option;
		struct sut_err *err = sut_ui_option(argc, argv, "", longs, &option);
		if (err)
			return err;
		if (option == -1)
			break;
		call->given[call->n_given++] =
			(struct sut_repo_given){ option - 1, optarg ? optarg : "" };
	}
	call->args = argv + optind;
	call->n_args = argc - optind;
	call->is_json = sut_repo_has(call, SUT_REPO_JSON);
	call->is_dry = sut_repo_has(call, SUT_REPO_DRY_RUN);
	call->now = sut_time_now();
	return NULL;
}

// How many of the arguments are the command's words; 0: it is another command.
static int match_words(const char *words, const struct sut_repo_call *call)
{
	int n = 0;

	while (*words) {
		size_t size = strcspn(words, " ");
		if (n == call->n_args || strlen(call->args[n]) != size ||
		    memcmp(call->args[n], words, size) != 0)
			return 0;
		n++;
		words += size + (words[size] == ' ');
	}
	return n;
}

static const struct sut_repo_command *find_command(const struct sut_repo_call *call, int *n_ret)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		for (const struct sut_repo_command *c = tables[i]; c->words; c++) {
			*n_ret = match_words(c->words, call);
			if (*n_ret)
				return c;
		}
	}
	return NULL;
}

static bool takes(const struct sut_repo_command *command, const char *name)
{
	size_t size = strlen(name);

	for (const char *at = command->takes; (at = strstr(at, name)); at += size)
		if ((at == command->takes || at[-1] == ' ') && (!at[size] || at[size] == ' '))
			return true;
	return strcmp(name, "json") == 0;
}

static struct sut_err *check_call(const struct sut_repo_command *command,
				  struct sut_repo_call *call)
{
	for (size_t i = 0; i < call->n_given; i++)
		if (!takes(command, names[call->given[i].option]))
			return sut_err(SUT_E_USAGE, "'suture repo %s' takes no --%s",
				       command->words, names[call->given[i].option]);
	if (call->n_args > 0 && !sut_repo_has(call, SUT_REPO_FILE)) {
		call->path = *call->args++;
		call->n_args--;
	} else if (!sut_repo_has(call, SUT_REPO_FILE)) {
		return sut_err(SUT_E_USAGE, "'suture repo %s' needs REPO, the repository's folder",
			       command->words);
	}
	if (call->n_args < command->n_args_low || call->n_args > command->n_args_high)
		return sut_err(SUT_E_USAGE,
			       "'suture repo %s': %s arguments; see 'suture repo --help'",
			       command->words,
			       call->n_args < command->n_args_low ? "too few" : "too many");
	return NULL;
}

static struct sut_err *run(int argc, char **argv, struct sut_repo_call *call)
{
	_cleanup_(sut_repository_closep) struct sut_repository *repository = NULL;
	struct sut_err *err = read_options(argc, argv, call);
	int n_words;

	if (err)
		return err;
	if (call->n_args == 0)
		return sut_err(SUT_E_USAGE, "no command; see 'suture repo --help'");
	const struct sut_repo_command *command = find_command(call, &n_words);
	if (!command)
		return sut_err(SUT_E_USAGE, "no command '%s'; see 'suture repo --help'",
			       call->args[0]);
	call->args += n_words;
	call->n_args -= n_words;
	err = check_call(command, call);
	if (!err && command->needs_repository && call->path)
		err = sut_repository_open(call->path, &repository);
	call->repository = repository;
	if (!err)
		err = command->run(call);
	if (!err && call->is_json)
		err = sut_ui_print_json(json_incref(call->answer));
	return err;
}

struct sut_err *sut_cmd_repo(int argc, char **argv, enum sut_exit *status)
{
	struct sut_repo_call call = { 0 };
	struct sut_err *err = run(argc, argv, &call);

	*status = call.status;
	json_decref(call.answer);
	free(call.given);
	return err;
}
