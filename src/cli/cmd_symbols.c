// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/crew.h"
#include "cli/ui.h"
#include "engine/symbols.h"

// For one payload OUT, for the others OUT.2, OUT.3, …
static struct sut_err *write_one(const struct sut_payload *code, const char *out, size_t index)
{
	_cleanup_(sut_buf_deinit) struct sut_buf file = { 0 };
	_cleanup_free_ char *path = NULL;
	char number[24] = "";

	if (index)
		snprintf(number, sizeof(number), ".%zu", index + 1);
	if (asprintf(&path, "%s%s", out, number) < 0)
		return sut_err_nomem();
	struct sut_err *err = sut_payload_elf(code, &file);
	if (!err)
		err = sut_file_write(path, sut_buf_view(&file));
	if (err)
		return err;
	_cleanup_free_ char *full = realpath(path, NULL);
	sut_ui_say("add-symbol-file %s", full ? full : path);
	return NULL;
}

static struct sut_err *print_map(const struct sut_payload *code, size_t n)
{
	_cleanup_(sut_buf_deinit) struct sut_buf map = { 0 };
	struct sut_err *err = NULL;

	for (size_t i = 0; i < n && !err; i++)
		err = sut_payload_map(&code[i], &map);
	if (!err && map.size)
		fwrite(map.data, 1, map.size, stdout);
	return err;
}

static struct sut_err *run(const struct sut_crew_options *options, const char *out,
			   enum sut_exit *status)
{
	struct sut_patch *patches;
	struct sut_payload *code = NULL;
	size_t n = 0;
	struct sut_err *err = sut_crew_read_patches(options, &patches);

	if (err)
		return err;
	err = sut_payload_read(options->pids[0], patches, options->n_files, &code, &n);
	if (!err && !out)
		err = print_map(code, n);
	for (size_t i = 0; i < n && out && !err; i++)
		err = write_one(&code[i], out, i);
	*status = n ? SUT_EXIT_OK : SUT_EXIT_NO_TARGET;
	sut_payload_free(code, n);
	sut_crew_free_patches(patches, options->n_files);
	return err;
}

struct sut_err *sut_cmd_symbols(int argc, char **argv, enum sut_exit *status)
{
	static const struct option longs[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "gdb", required_argument, NULL, 'g' },
		{ NULL, 0, NULL, 0 },
	};
	_cleanup_(sut_crew_options_deinit) struct sut_crew_options options = { 0 };
	const char *out = NULL;
	long pid = 0;
	int option;

	for (;;) {
		struct sut_err *err = sut_ui_option(argc, argv, "p:g:", longs, &option);
		if (!err && option == 'p')
			err = sut_ui_number(optarg, "--pid", 1, 1 << 22, &pid);
		if (err)
			return err;
		if (option < 0)
			break;
		if (option == 'g')
			out = optarg;
	}
	options.pids = calloc(1, sizeof(*options.pids));
	if (!options.pids)
		return sut_err_nomem();
	if (!pid)
		return sut_err(SUT_E_USAGE, "name a process with --pid");
	options.pids[0] = pid;
	options.files = argv + optind;
	options.n_files = argc - optind;
	return run(&options, out, status);
}
