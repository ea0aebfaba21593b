// SPDX-License-Identifier: Apache-2.0

/**
 * suture build OLD NEW -o OUT
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/build_report.h"
#include "cli/command.h"
#include "cli/ui.h"
#include "engine/pairing.h"
#include "patch/pack.h"

enum { OPT_ADVISORY = 256, OPT_ACCEPT, OPT_JSON, OPT_PACK, OPT_EVERY, OPT_LEAVE };

/** What the command line asks for. Owns the acceptances; borrows argv. */
struct request {
	const char *paths[2];
	const char *out;
	bool json;
	bool pack; /**< Write the packed form. */
	const char **advisories, **left;
	struct sut_acceptance *acceptances;
	struct sut_build_options options;
};

static void request_deinit(struct request *r)
{
	free(r->advisories);
	free(r->left);
	free(r->acceptances);
}

// CODE[:FUNCTION]=why, cut in place.
static struct sut_err *read_acceptance(char *text, struct sut_acceptance *ret)
{
	char *why = strchr(text, '=');
	char *function;

	if (!why || !why[1] || why == text)
		return sut_err(SUT_E_USAGE,
			       "--accept %s: must be CODE[:FUNCTION]=\"why\", with a reason", text);
	*why++ = 0;
	function = strchr(text, ':');
	if (function)
		*function++ = 0;
	*ret = (struct sut_acceptance){ text, function, why };
	return NULL;
}

static struct sut_err *take_option(int option, struct request *r)
{
	switch (option) {
	case 'o':
		r->out = optarg;
		return NULL;
	case OPT_JSON:
		r->json = true;
		return NULL;
	case OPT_EVERY:
		r->options.every_function = true;
		return NULL;
	case OPT_LEAVE:
		r->left[r->options.n_left++] = optarg;
		return NULL;
	case OPT_PACK:
		r->pack = true;
		return NULL;
	case OPT_ADVISORY:
		r->advisories[r->options.n_advisories++] = optarg;
		return NULL;
	default:
		return read_acceptance(optarg, &r->acceptances[r->options.n_acceptances++]);
	}
}

static struct sut_err *read_options(int argc, char **argv, struct request *r)
{
	static const struct option longs[] = {
		{ "advisory", required_argument, NULL, OPT_ADVISORY },
		{ "accept", required_argument, NULL, OPT_ACCEPT },
		{ "output", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, OPT_JSON },
		{ "every-function", no_argument, NULL, OPT_EVERY },
		{ "leave", required_argument, NULL, OPT_LEAVE },
		{ "pack", no_argument, NULL, OPT_PACK },
		{ NULL, 0, NULL, 0 },
	};
	struct sut_err *err;
	int option;

	r->advisories = calloc(argc + 1, sizeof(*r->advisories));
	r->acceptances = calloc(argc + 1, sizeof(*r->acceptances));
	r->left = calloc(argc + 1, sizeof(*r->left));
	if (!r->advisories || !r->left || !r->acceptances)
		return sut_err_nomem();
	do {
		err = sut_ui_option(argc, argv, "o:", longs, &option);
		if (!err && option != -1)
			err = take_option(option, r);
	} while (!err && option != -1);
	if (err)
		return err;
	if (argc - optind != 2)
		return sut_err(SUT_E_USAGE,
			       "needs OLD and NEW, two ELF files or two .deb packages");
	if (!r->out)
		return sut_err(SUT_E_USAGE, "needs -o OUT: a file for two ELF files, a folder for "
					    "two packages");
	r->paths[0] = argv[optind];
	r->paths[1] = argv[optind + 1];
	r->options.advisories = r->advisories;
	r->options.left = r->left;
	r->options.acceptances = r->acceptances;
	return NULL;
}

static struct sut_err *write_hotpatch(const struct request *r, const char *path,
				      struct sut_report_row *row)
{
	_cleanup_(sut_buf_deinit) struct sut_buf packed = { 0 };
	struct sut_view file = sut_buf_view(&row->build.file);

	if (row->build.verdict != SUT_VERDICT_HOTPATCH)
		return NULL;
	if (r->pack) {
		struct sut_err *err = sut_pack(file, &packed);
		if (err)
			return err;
		file = sut_buf_view(&packed);
	}
	row->output = strdup(path);
	return row->output ? sut_file_write(path, file) : sut_err_nomem();
}

static bool was_left(const struct sut_report *report, const char *name)
{
	for (size_t i = 0; i < report->n_rows; i++) {
		const struct sut_reasons *reasons = &report->rows[i].build.reasons;
		for (size_t k = 0; k < reasons->n; k++)
			if (strcmp(reasons->list[k].code, "left") == 0 &&
			    strcmp(reasons->list[k].function, name) == 0)
				return true;
	}
	return false;
}

// Nothing is written when a name that was to be left is in none of the files.
static struct sut_err *check_left(const struct request *r, const struct sut_report *report)
{
	for (size_t i = 0; i < r->options.n_left; i++)
		if (!was_left(report, r->left[i]))
			return sut_err(SUT_E_USAGE, "--leave %s: no such function is replaced",
				       r->left[i]);
	return NULL;
}

static struct sut_err *build_files(const struct request *r, const struct sut_file files[2],
				   struct sut_report *report)
{
	struct sut_build_side sides[2];
	struct sut_report_row *row = &report->rows[0];

	for (size_t i = 0; i < 2; i++)
		sides[i] = (struct sut_build_side){ r->paths[i], files[i].view, "", "", "" };
	report->old_size = files[0].view.size;
	report->new_size = files[1].view.size;
	struct sut_err *err = sut_build(&sides[0], &sides[1], &r->options, &row->build);
	if (err)
		return err;
	report->n_rows = 1;
	err = check_left(r, report);
	return err ? err : write_hotpatch(r, r->out, row);
}

static struct sut_err *make_folder(const char *path)
{
	struct stat st;

	if (mkdir(path, 0777) == 0)
		return NULL;
	if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return NULL;
	return sut_err_os(errno == EEXIST ? ENOTDIR : errno, "%s", path);
}

static struct sut_err *build_pair(const struct request *r, const struct sut_deb debs[2],
				  const struct sut_file_pair *pair, struct sut_report *report)
{
	const struct sut_deb_file *files[2] = { pair->old, pair->new };
	struct sut_report_row *row = &report->rows[report->n_rows];
	struct sut_build_side sides[2];

	for (size_t i = 0; i < 2; i++)
		sides[i] =
			(struct sut_build_side){ files[i]->path, files[i]->bytes, debs[i].package,
						 debs[i].version, debs[i].architecture };
	struct sut_err *err = sut_build(&sides[0], &sides[1], &r->options, &row->build);
	if (!err)
		report->n_rows++;
	return err;
}

static struct sut_err *write_all(const struct request *r, struct sut_report *report)
{
	struct sut_err *err = check_left(r, report);

	for (size_t i = 0; i < report->n_rows && !err; i++) {
		_cleanup_free_ char *path = NULL;
		if (asprintf(&path, "%s/%s.hotpatch", r->out, report->rows[i].build.name) < 0)
			return sut_err_nomem();
		err = write_hotpatch(r, path, &report->rows[i]);
	}
	return err;
}

static struct sut_err *check_packages(const struct request *r, const struct sut_deb debs[2])
{
	if (strcmp(debs[0].package, debs[1].package) != 0)
		return sut_err(SUT_E_USAGE, "%s is package %s and %s is %s", r->paths[0],
			       debs[0].package, r->paths[1], debs[1].package);
	if (strcmp(debs[0].architecture, debs[1].architecture) != 0)
		return sut_err(SUT_E_USAGE, "%s is for %s and %s for %s", r->paths[0],
			       debs[0].architecture, r->paths[1], debs[1].architecture);
	return NULL;
}

static struct sut_err *build_all(const struct request *r, const struct sut_deb debs[2],
				 struct sut_report *report)
{
	_cleanup_(sut_pairing_deinit) struct sut_pairing pairing = { 0 };
	struct sut_err *err = check_packages(r, debs);

	if (!err)
		err = sut_pairing_init(&debs[0], &debs[1], &pairing);
	if (err)
		return err;
	free(report->rows);
	report->rows = calloc(pairing.n_pairs + 1, sizeof(*report->rows));
	if (!report->rows)
		return sut_err_nomem();
	err = make_folder(r->out);
	for (size_t i = 0; i < pairing.n_pairs && !err; i++) {
		const struct sut_file_pair *pair = &pairing.pairs[i];
		if (!pair->new)
			report->n_removed++;
		else if (!sut_view_equal(pair->old->bytes, pair->new->bytes))
			err = build_pair(r, debs, pair, report);
		sut_report_progress(report, i + 1, pairing.n_pairs);
	}
	return err ? err : write_all(r, report);
}

static void deb_pair_deinit(struct sut_deb (*debs)[2])
{
	sut_deb_deinit(&(*debs)[0]);
	sut_deb_deinit(&(*debs)[1]);
}

static struct sut_err *build_packages(const struct request *r, struct sut_file files[2],
				      struct sut_report *report)
{
	_cleanup_(deb_pair_deinit) struct sut_deb debs[2] = { 0 };

	report->old_size = files[0].view.size;
	report->new_size = files[1].view.size;
	for (size_t i = 0; i < 2; i++) {
		struct sut_err *err = sut_deb_init(files[i].view, &debs[i]);
		if (err)
			return sut_err_wrap(err, "%s", r->paths[i]);
		sut_file_deinit(&files[i]);
	}
	return build_all(r, debs, report);
}

static void file_pair_deinit(struct sut_file (*files)[2])
{
	sut_file_deinit(&(*files)[0]);
	sut_file_deinit(&(*files)[1]);
}

static struct sut_err *build(const struct request *r, struct sut_report *report)
{
	_cleanup_(file_pair_deinit) struct sut_file files[2] = { 0 };
	bool is_deb[2];

	report->rows = calloc(1, sizeof(*report->rows));
	if (!report->rows)
		return sut_err_nomem();
	for (size_t i = 0; i < 2; i++) {
		struct sut_err *err = sut_file_read(r->paths[i], &files[i]);
		if (err)
			return err;
		is_deb[i] = sut_deb_is_deb(files[i].view);
	}
	if (is_deb[0] != is_deb[1])
		return sut_err(SUT_E_USAGE, "%s is a package and %s is not", r->paths[!is_deb[0]],
			       r->paths[is_deb[0]]);
	return is_deb[0] ? build_packages(r, files, report) : build_files(r, files, report);
}

struct sut_err *sut_cmd_build(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(request_deinit) struct request request = { 0 };
	_cleanup_(sut_report_deinit) struct sut_report report = { 0 };
	struct sut_err *err = read_options(argc, argv, &request);

	report.acceptances = request.acceptances;
	report.n_acceptances = request.options.n_acceptances;
	if (!err)
		err = build(&request, &report);
	if (!err)
		err = request.json ? sut_report_print_json(&report) : sut_report_print(&report);
	if (!err)
		*status = sut_report_status(&report);
	return err;
}
