// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "cli/hub_command.h"
#include "cli/ui.h"

const char sut_usage_hub[] =
	"usage: suture hub COMMAND [ARGUMENT]... [OPTION]...\n\n"
	"Does from the shell all that the hub's page does.\n\n"
	"  login URL                 sign in: --user NAME (admin) [--password-file FILE],\n"
	"                            or --token-file FILE with an API token; the hub's own\n"
	"                            authority by --ca-file FILE or --fingerprint SHA256\n"
	"  logout                    sign out, and forget the hub\n"
	"  password                  change one's own password: asked for, or read from\n"
	"                            --password-file FILE and --new-password-file FILE\n"
	"  status                    the fleet at a glance\n"
	"  devices                   list devices: [--status S] [--ring R] [--group G]\n"
	"                            [--find TEXT] [--sort [-]hostname|[-]last_seen]\n"
	"  device ID                 one device, its processes and what happens next\n"
	"  history ID                what it told\n"
	"  assign ID                 put it into --ring R (\"\": by the policy again), --group G\n"
	"  hold ID | unhold ID       keep releases away from it, or no longer (--reason)\n"
	"  remove ID                 remove it and revoke its certificate\n"
	"  groups [create NAME]      groups of devices [--label TEXT]\n"
	"  releases | release NAME   what the repository has\n"
	"  calendar                  the events of a year [--year N]\n"
	"  rollouts | rollout ID     the state of rollouts: rings, gates and time line\n"
	"  create RELEASE            make the rollout of a release that has none\n"
	"  start ID | pause ID | resume ID | expedite ID | approve ID | roll-back ID\n"
	"                            decide about a rollout (--reason; approve: --ring R)\n"
	"  recall [RELEASE]...       take releases, or single hotpatches (--hotpatch NAME),\n"
	"                            out of every device (--reason)\n"
	"  why-not ID                who is not protected by a rollout, why, what helps\n"
	"  policy get | policy set FILE\n"
	"                            rings and gates as JSON ('-': standard input)\n"
	"  tokens [create|delete ID] enrolment tokens [--uses N] [--expires SECONDS]\n"
	"                            [--ring R] [--label TEXT]\n"
	"  users [create NAME|password NAME|delete NAME]\n"
	"                            users: create takes --role viewer|operator|administrator;\n"
	"                            a new password is asked for or [--password-file FILE]\n"
	"  api-tokens [create|delete ID]\n"
	"                            API tokens: --label TEXT --role ROLE [--expires SECONDS]\n"
	"  audit [check]             the audit log [--actor A] [--action A], or a check of it\n\n"
	"  --limit N  print at most N rows (1000)\n"
	"  --reason TEXT  why; goes into the audit log\n"
	"  --json     print the hub's answer as JSON\n\n"
	"Exit status: 0 done, 1 error, 2 bad usage, or no such thing at the hub.\n";

static const struct option long_options[] = {
	{ "ca-file", required_argument, NULL, SUT_HUB_CA_FILE },
	{ "fingerprint", required_argument, NULL, SUT_HUB_FINGERPRINT },
	{ "user", required_argument, NULL, SUT_HUB_USER },
	{ "password-file", required_argument, NULL, SUT_HUB_PASSWORD_FILE },
	{ "new-password-file", required_argument, NULL, SUT_HUB_NEW_PASSWORD_FILE },
	{ "token-file", required_argument, NULL, SUT_HUB_TOKEN_FILE },
	{ "status", required_argument, NULL, SUT_HUB_STATUS },
	{ "ring", required_argument, NULL, SUT_HUB_RING },
	{ "group", required_argument, NULL, SUT_HUB_GROUP },
	{ "find", required_argument, NULL, SUT_HUB_FIND },
	{ "sort", required_argument, NULL, SUT_HUB_SORT },
	{ "limit", required_argument, NULL, SUT_HUB_LIMIT },
	{ "reason", required_argument, NULL, SUT_HUB_REASON },
	{ "hotpatch", required_argument, NULL, SUT_HUB_HOTPATCH },
	{ "label", required_argument, NULL, SUT_HUB_LABEL },
	{ "uses", required_argument, NULL, SUT_HUB_USES },
	{ "expires", required_argument, NULL, SUT_HUB_EXPIRES },
	{ "role", required_argument, NULL, SUT_HUB_ROLE },
	{ "actor", required_argument, NULL, SUT_HUB_ACTOR },
	{ "action", required_argument, NULL, SUT_HUB_ACTION },
	{ "year", required_argument, NULL, SUT_HUB_YEAR },
	{ "json", no_argument, NULL, 'j' },
	{ NULL, 0, NULL, 0 },
};

static const struct sut_hub_command *const tables[] = {
	sut_hub_session_commands,
	sut_hub_device_commands,
	sut_hub_rollout_commands,
	sut_hub_admin_commands,
};

// How many of the arguments are the command's words; 0: it is another command.
static int match_words(const char *words, char **args, int n_args)
{
	int n = 0;

	while (*words) {
		size_t size = strcspn(words, " ");
		if (n == n_args || strlen(args[n]) != size || memcmp(args[n], words, size) != 0)
			return 0;
		n++;
		words += size + (words[size] == ' ');
	}
	return n;
}

// The command with the most words that fit: "policy get" before "policy".
static const struct sut_hub_command *find_command(char **args, int n_args, int *n_words)
{
	const struct sut_hub_command *best = NULL;

	*n_words = 0;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct sut_hub_command *c = tables[i]; c->words; c++) {
			int n = match_words(c->words, args, n_args);
			if (n > *n_words) {
				best = c;
				*n_words = n;
			}
		}
	}
	return best;
}

static struct sut_err *read_options(int argc, char **argv, struct sut_hub_call *call)
{
	for (;;) {
		int option;
		struct sut_err *err = sut_ui_option(argc, argv, "", long_options, &option);
		if (err)
			return err;
		if (option == -1)
			break;
		if (option == 'j')
			call->is_json = true;
		else
			call->options[option] = optarg;
	}
	call->args = argv + optind;
	call->n_args = argc - optind;
	call->most = 1000;
	if (!call->options[SUT_HUB_LIMIT])
		return NULL;
	long most;
	struct sut_err *err =
		sut_ui_number(call->options[SUT_HUB_LIMIT], "--limit", 1, 100000000, &most);
	if (!err)
		call->most = most;
	return err;
}

static bool takes_option(const struct sut_hub_command *command, const char *name)
{
	size_t size = strlen(name);

	for (const char *at = command->takes; (at = strstr(at, name)); at += size)
		if ((at == command->takes || at[-1] == ' ') && (!at[size] || at[size] == ' '))
			return true;
	return false;
}

static struct sut_err *check_call(const struct sut_hub_command *command,
				  const struct sut_hub_call *call)
{
	if (call->n_args < command->n_args_low || call->n_args > command->n_args_high)
		return sut_err(SUT_E_USAGE, "usage: suture hub %s%s%s; see 'suture hub --help'",
			       command->words, *command->args ? " " : "", command->args);
	for (const struct option *o = long_options; o->name; o++)
		if (o->has_arg && call->options[o->val] && !takes_option(command, o->name))
			return sut_err(SUT_E_USAGE, "'suture hub %s' takes no --%s", command->words,
				       o->name);
	return NULL;
}

struct sut_err *sut_cmd_hub(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(sut_hub_client_closep) struct sut_hub_client *hub = NULL;
	struct sut_hub_call call = { 0 };
	int n_words;
	struct sut_err *err = read_options(argc, argv, &call);

	if (err)
		return err;
	if (call.n_args == 0)
		return sut_err(SUT_E_USAGE, "no command; see 'suture hub --help'");
	const struct sut_hub_command *command = find_command(call.args, call.n_args, &n_words);
	if (!command)
		return sut_err(SUT_E_USAGE, "no command '%s'; see 'suture hub --help'",
			       call.args[0]);
	call.args += n_words;
	call.n_args -= n_words;
	err = check_call(command, &call);
	if (!err && strcmp(command->words, "login") != 0 && strcmp(command->words, "logout") != 0)
		err = sut_hub_client_open(&hub);
	call.hub = hub;
	if (!err)
		err = command->run(&call);
	*status = SUT_EXIT_OK;
	return err;
}
