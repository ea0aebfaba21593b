// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "cli/command.h"

static const struct sut_command commands[] = {
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

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return SUT_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return SUT_EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("suture " SUTURE_VERSION);
		return SUT_EXIT_OK;
	}

	const struct sut_command *command = find_command(argv[1]);
	if (!command) {
		fprintf(stderr, "suture: no command '%s'; see 'suture --help'\n",
			argv[1]);
		return SUT_EXIT_USAGE;
	}
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(command->usage, stdout);
			return SUT_EXIT_OK;
		}
	}

	enum sut_exit status = SUT_EXIT_OK;
	struct sut_err *err = command->run(argc - 1, argv + 1, &status);
	if (!err)
		return status;
	fprintf(stderr, "suture %s: %s\n", command->name, err->msg);
	status = err->code == SUT_E_USAGE ? SUT_EXIT_USAGE : SUT_EXIT_ERROR;
	sut_err_free(err);
	return status;
}
