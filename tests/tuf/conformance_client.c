// SPDX-License-Identifier: Apache-2.0
/**
 * tuf-conformance-client: the client library behind the command line that the public conformance
 * suite of TUF drives (its CLIENT-CLI.md), and more for our own tests
 *
 *     --metadata-dir DIR init FILE
 *     --metadata-dir DIR --metadata-url URL refresh
 *     --metadata-dir DIR --metadata-url URL --target-base-url URL --target-dir DIR
 *             --target-name PATH... download
 *     ... list ROLE | show PATH | resume | mirror DIR ROLE...
 *
 * A URL that is no http address is a folder. --ca-file, --stall and --min-rate are those of
 * tuf/http.h.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tuf/client.h"
#include "tuf/http.h"
#include "tuf/metadata.h"

static const size_t max_names = 64;

struct arguments {
	const char *metadata_dir, *metadata_url, *target_dir, *target_url, *ca_file;
	const char *names[64];
	size_t n_names;
	unsigned int stall, min_rate;
	char **words; /**< The command and what follows. */
	int n_words;
};

static bool parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "metadata-dir", required_argument, NULL, 'm' },
		{ "metadata-url", required_argument, NULL, 'u' },
		{ "target-name", required_argument, NULL, 'n' },
		{ "target-dir", required_argument, NULL, 'd' },
		{ "target-base-url", required_argument, NULL, 'b' },
		{ "ca-file", required_argument, NULL, 'c' },
		{ "stall", required_argument, NULL, 's' },
		{ "min-rate", required_argument, NULL, 'r' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == 'm')
			a->metadata_dir = optarg;
		else if (c == 'u')
			a->metadata_url = optarg;
		else if (c == 'd')
			a->target_dir = optarg;
		else if (c == 'b')
			a->target_url = optarg;
		else if (c == 'c')
			a->ca_file = optarg;
		else if (c == 's')
			a->stall = atoi(optarg);
		else if (c == 'r')
			a->min_rate = atoi(optarg);
		else if (c == 'n' && a->n_names < max_names)
			a->names[a->n_names++] = optarg;
		else
			return false;
	}
	a->words = argv + optind;
	a->n_words = argc - optind;
	return a->metadata_dir && a->n_words > 0;
}

static struct sut_err *open_source(const struct arguments *a, struct sut_tuf_source **ret)
{
	const struct sut_tuf_http http = {
		.metadata_url = a->metadata_url,
		.targets_url = a->target_url,
		.ca_file = a->ca_file,
		.stall_s = a->stall,
		.min_rate = a->min_rate,
	};

	if (!a->metadata_url)
		return NULL;
	if (strncmp(a->metadata_url, "http", 4) != 0)
		return sut_tuf_source_folders(a->metadata_url, a->target_url, ret);
	return sut_tuf_source_http(&http, ret);
}

static struct sut_err *init(const struct arguments *a)
{
	_cleanup_(sut_file_deinit) struct sut_file root = { 0 };
	struct sut_err *err = sut_file_read(a->words[1], &root);

	return err ? err : sut_tuf_client_trust(a->metadata_dir, root.view);
}

static struct sut_err *download(const struct arguments *a, struct sut_tuf_client *client)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; !err && i < a->n_names; i++) {
		struct sut_tuf_target target;
		bool found;
		err = sut_tuf_client_find(client, a->names[i], &target, &found);
		if (!err && !found)
			err = sut_err(SUT_E_USAGE, "%s: there is no such target", a->names[i]);
		if (!err)
			err = sut_tuf_client_download(client, &target, a->target_dir);
	}
	return err;
}

static struct sut_err *list(struct sut_tuf_client *client, const char *role)
{
	_cleanup_free_ struct sut_tuf_target *targets = NULL;
	size_t n = 0;
	struct sut_err *err = sut_tuf_client_list(client, role, &targets, &n);

	for (size_t i = 0; i < n; i++)
		printf("%s %" PRId64 "\n", targets[i].path, targets[i].file.size);
	return err;
}

static struct sut_err *show(struct sut_tuf_client *client, const char *path)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_tuf_target target;
	bool found;
	struct sut_err *err = sut_tuf_client_find(client, path, &target, &found);

	if (!err && !found)
		err = sut_err(SUT_E_USAGE, "%s: there is no such target", path);
	if (!err)
		err = sut_tuf_client_get(client, &target, 1 << 20, &file);
	if (!err)
		fwrite(file.view.data, 1, file.view.size, stdout);
	return err;
}

static bool wants(void *context, const struct sut_tuf_target *target)
{
	const struct arguments *a = context;

	for (size_t i = 0; i < a->n_names; i++)
		if (sut_tuf_pattern_matches(a->names[i], target->path))
			return true;
	return a->n_names == 0;
}

static struct sut_err *run(struct arguments *a)
{
	_cleanup_(sut_tuf_source_freep) struct sut_tuf_source *source = NULL;
	_cleanup_(sut_tuf_client_closep) struct sut_tuf_client *client = NULL;
	const char *command = a->words[0];

	if (strcmp(command, "init") == 0 && a->n_words == 2)
		return init(a);
	struct sut_err *err = open_source(a, &source);
	const struct sut_tuf_options options = { .store = a->metadata_dir, .source = source };
	if (!err)
		err = sut_tuf_client_open(&options, &client);
	bool is_resume = strcmp(command, "resume") == 0;
	if (!err)
		err = is_resume ? sut_tuf_client_resume(client) : sut_tuf_client_refresh(client);
	if (err || is_resume || strcmp(command, "refresh") == 0)
		return err;
	if (strcmp(command, "download") == 0 && a->target_dir)
		return download(a, client);
	if (strcmp(command, "list") == 0 && a->n_words == 2)
		return list(client, a->words[1]);
	if (strcmp(command, "show") == 0 && a->n_words == 2)
		return show(client, a->words[1]);
	if (strcmp(command, "mirror") == 0 && a->n_words >= 2)
		return sut_tuf_client_mirror(client, (const char *const *)a->words + 2, wants, a,
					     a->words[1]);
	return sut_err(SUT_E_USAGE, "no command %s with these words", command);
}

int main(int argc, char **argv)
{
	struct arguments a = { 0 };

	if (!parse(argc, argv, &a)) {
		fprintf(stderr, "see the first lines of tests/tuf/conformance_client.c\n");
		return 2;
	}
	struct sut_err *err = run(&a);
	if (err)
		fprintf(stderr, "%s: %s\n", sut_code_name(err->code), err->msg);
	int status = err ? 1 : 0;
	sut_err_free(err);
	return status;
}
