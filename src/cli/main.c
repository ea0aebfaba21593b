// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static const char build_usage[] =
	"usage: suture build OLD NEW -o OUT [OPTION]...\n"
	"\n"
	"Builds hotpatches that turn OLD into NEW: two ELF files (OUT is a file), or two\n"
	".deb packages (OUT is a folder, one .hotpatch for each changed ELF file inside).\n"
	"\n"
	"  -o, --output OUT        where the hotpatch goes\n"
	"      --advisory ID       an advisory that the update fixes (may be repeated)\n"
	"      --accept CODE[:FUNCTION]=WHY\n"
	"                          accept a sign that waits for review, with the reason\n"
	"      --leave FUNCTION    leave a changed function as it is (may be repeated)\n"
	"      --every-function    replace unchanged functions too: a stress test of the\n"
	"                          builder, not for use on a system that matters\n"
	"      --pack              write the form that travels: packed with xz, which every\n"
	"                          command reads too\n"
	"      --json              print what was found as JSON\n"
	"      --help              print this text\n"
	"\n"
	"Exit status: 0 every changed file was built, 1 error, 2 bad usage, 3 at least one\n"
	"was refused or waits for review, 4 nothing to patch.\n";

static const char show_usage[] =
	"usage: suture show [--disasm] [--json] FILE\n\n"
	"Tells what a hotpatch is: which build it is for, which functions it replaces,\n"
	"under which conditions, and what it brings along.\n\n"
	"  --disasm  also print the payload's code\n"
	"  --json    print everything but the code as JSON\n\n"
	"Exit status: 0 shown, 1 not a hotpatch or not readable, 2 bad usage.\n";

static const char apply_usage[] =
	"usage: suture apply [OPTION]... FILE...\n\n"
	"Finds every process that runs the build which a hotpatch is for, and patches it\n"
	"in its memory. For one process all FILEs go in together or none does.\n\n"
	"  --pid N      only process N; may be given again\n"
	"  --timeout S  try each process for S seconds (10)\n"
	"  --entry-only threads may be in the old code, for hotpatches proved to allow it\n"
	"  --dry-run    check everything, change nothing\n"
	"  --json       print the rows as JSON\n\n"
	"Exit status: 0 all patched or already so, 5 some not, 6 no process runs it,\n"
	"1 error, 2 bad usage.\n";

static const char status_usage[] =
	"usage: suture status [--pid N]... [--agent FILE] [--json] [FILE|NAME]...\n\n"
	"Reads out of the processes' own memory which hotpatches they carry.\n\n"
	"  --pid N       only process N; may be given again\n"
	"  --agent FILE  the agent's story is there, not in /run/suture/agent.json\n"
	"  --json        print everything that the processes' memory tells as JSON\n\n"
	"Exit status: 0 told, 1 error, 2 bad usage.\n";

static const char verify_usage[] =
	"usage: suture verify [--pid N]... [--json] [FILE|NAME]...\n\n"
	"Compares what processes run with what they should: with a FILE, every byte of\n"
	"payload, redirects and replaced functions in each process that runs its build;\n"
	"without, with what each process's own record says.\n\n"
	"  --pid N  only process N; may be given again\n"
	"  --json   print the rows as JSON\n\n"
	"Exit status: 0 all verified, 5 some differ, 6 no process to look at, 1 error,\n"
	"2 bad usage.\n";

static const char doctor_usage[] =
	"usage: suture doctor [--json]\n\n"
	"Tries out whether this machine and its kernel let Suture work, and says what to\n"
	"change if not.\n\n"
	"  --json  print the checks as JSON\n\n"
	"Exit status: 0 it works, 5 it does not, 1 error, 2 bad usage.\n";

static const char revert_usage[] =
	"usage: suture revert [OPTION]... FILE|NAME...\n\n"
	"Lets processes run the original functions again. The payload stays in their\n"
	"memory, inactive: they may have stored addresses in it.\n\n"
	"  --pid N      only process N; may be given again\n"
	"  --timeout S  try each process for S seconds (10)\n"
	"  --dry-run    check everything, change nothing\n"
	"  --json       print the rows as JSON\n\n"
	"Exit status: 0 all reverted or already so, 5 some not, 6 no process carries it,\n"
	"1 error, 2 bad usage.\n";

static const char symbols_usage[] =
	"usage: suture symbols --pid N [--gdb OUT] [FILE]...\n\n"
	"Prints places and names of the new functions in a patched process, as perf reads\n"
	"them from /tmp/perf-N.map. With the hotpatch's FILE more has a name.\n\n"
	"  --pid N    the process\n"
	"  --gdb OUT  write an ELF file for gdb instead, and print the command to read it\n\n"
	"Exit status: 0 done, 6 the process carries no hotpatch, 1 error, 2 bad usage.\n";

static const char watch_usage[] =
	"usage: suture watch [OPTION]... FILE...\n\n"
	"Applies hotpatches to every process that runs the builds they are for, and to\n"
	"every one that starts or loads them later, before their code runs. Works until\n"
	"it is ended; what it has patched stays patched.\n\n"
	"  --file PATH  where a file of the builds is, though nobody runs it now; also in\n"
	"               every container; may be given again\n"
	"  --scan S     look for copies that have appeared elsewhere every S seconds (5)\n"
	"  --json       print each event as a line of JSON\n\n"
	"Exit status: 0 ended by SIGINT or SIGTERM, 1 error, 2 bad usage.\n";

static const struct sut_command commands[] = {
	{ "build", "make hotpatches from an old and a fixed build", build_usage, sut_cmd_build },
	{ "apply", "patch the processes that run a build", apply_usage, sut_cmd_apply },
	{ "watch", "keep processes patched that start later", watch_usage, sut_cmd_watch },
	{ "status", "tell what running processes carry", status_usage, sut_cmd_status },
	{ "verify", "prove what running processes carry", verify_usage, sut_cmd_verify },
	{ "revert", "take hotpatches out of processes", revert_usage, sut_cmd_revert },
	{ "symbols", "name a patched process's new functions for perf and gdb", symbols_usage,
	  sut_cmd_symbols },
	{ "doctor", "tell whether this machine lets Suture work", doctor_usage, sut_cmd_doctor },
	{ "show", "tell what a hotpatch is and does", show_usage, sut_cmd_show },
	{ "repo", "make and keep a signed repository of releases", sut_usage_repo, sut_cmd_repo },
	{ "fetch", "fetch the hotpatches that this machine needs", sut_usage_fetch, sut_cmd_fetch },
	{ "calendar", "tell when releases are due", sut_usage_calendar, sut_cmd_calendar },
	{ "hub", "do what the hub's page does, from the shell", sut_usage_hub, sut_cmd_hub },
	{ NULL, NULL, NULL, NULL },
};

static const struct sut_command *find_command(const char *name)
{
	for (const struct sut_command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static void print_help(FILE *out)
{
	fputs("suture - close security holes in running programs\n\n"
	      "usage: suture COMMAND [OPTION]...\n\n",
	      out);
	for (const struct sut_command *c = commands; c->name; c++)
		fprintf(out, "  %-9s %s\n", c->name, c->summary);
	fputs("\n'suture COMMAND --help' tells more. 'suture --version' prints the version.\n",
	      out);
}

// Is @p option among the arguments, before any "--"?
static bool has_option(int argc, char **argv, const char *option)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], option) == 0)
			return true;
	return false;
}

// People read standard error. A program that asked for JSON gets it in any case.
static void print_error(const char *command, const struct sut_err *err, bool is_json)
{
	fprintf(stderr, "suture %s: %s\n", command, err->msg);
	if (!is_json)
		return;

	json_t *value = json_pack("{s:{s:s, s:s}}", "error", "code", sut_code_name(err->code),
				  "message", err->msg);
	if (value && json_dumpf(value, stdout, JSON_INDENT(2) | JSON_SORT_KEYS) == 0)
		putchar('\n');
	json_decref(value);
}

static enum sut_exit run(const struct sut_command *command, int argc, char **argv)
{
	enum sut_exit status = SUT_EXIT_OK;
	struct sut_err *err = command->run(argc, argv, &status);

	if (!err)
		return status;
	print_error(command->name, err, has_option(argc, argv, "--json"));
	status = err->code == SUT_E_USAGE ? SUT_EXIT_USAGE : SUT_EXIT_ERROR;
	sut_err_free(err);
	return status;
}

static enum sut_exit dispatch(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return SUT_EXIT_USAGE;
	}
	bool is_help = strcmp(argv[1], "help") == 0;
	if ((is_help && argc == 2) || strcmp(argv[1], "--help") == 0) {
		print_help(stdout);
		return SUT_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("suture " SUTURE_VERSION);
		return SUT_EXIT_OK;
	}

	const char *name = is_help ? argv[2] : argv[1];
	const struct sut_command *command = find_command(name);
	if (!command) {
		fprintf(stderr, "suture: no command '%s'; see 'suture --help'\n", name);
		return SUT_EXIT_USAGE;
	}
	if (is_help || has_option(argc - 1, argv + 1, "--help")) {
		fputs(command->usage, stdout);
		return SUT_EXIT_OK;
	}
	return run(command, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	enum sut_exit status = dispatch(argc, argv);

	// Output that got lost (a full disk) must not look like success.
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "suture: cannot write output: %s\n", strerror(errno));
	return status == SUT_EXIT_OK ? SUT_EXIT_ERROR : status;
}
