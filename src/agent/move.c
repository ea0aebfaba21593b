// SPDX-License-Identifier: Apache-2.0
#include "agent/move.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/log.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "fleet/baseline.h"

// deb-version(7): "~" sorts before everything, even the end; letters before the rest.
static int order_of(int c)
{
	if (isdigit(c) || !c)
		return 0;
	if (c == '~')
		return -1;
	return isalpha(c) ? c : c + 256;
}

static int compare_part(const char *a, size_t n_a, const char *b, size_t n_b)
{
	size_t i = 0, j = 0;

	while (i < n_a || j < n_b) {
		int first = 0;
		while ((i < n_a && !isdigit((unsigned char)a[i])) ||
		       (j < n_b && !isdigit((unsigned char)b[j]))) {
			int x = i < n_a ? order_of((unsigned char)a[i]) : 0;
			int y = j < n_b ? order_of((unsigned char)b[j]) : 0;
			if (x != y)
				return x < y ? -1 : 1;
			i++, j++;
		}
		while (i < n_a && a[i] == '0')
			i++;
		while (j < n_b && b[j] == '0')
			j++;
		while (i < n_a && j < n_b && isdigit((unsigned char)a[i]) &&
		       isdigit((unsigned char)b[j])) {
			if (!first)
				first = a[i] - b[j];
			i++, j++;
		}
		if (i < n_a && isdigit((unsigned char)a[i]))
			return 1;
		if (j < n_b && isdigit((unsigned char)b[j]))
			return -1;
		if (first)
			return first < 0 ? -1 : 1;
	}
	return 0;
}

/** A version, taken apart: "EPOCH:UPSTREAM-REVISION". Borrows. */
struct version {
	long epoch;
	const char *upstream, *revision;
	size_t n_upstream, n_revision;
};

static struct version split(const char *text)
{
	const char *colon = strchr(text, ':');
	struct version v = { .epoch = colon ? atol(text) : 0,
			     .upstream = colon ? colon + 1 : text };
	const char *dash = strrchr(v.upstream, '-');

	v.n_upstream = dash ? (size_t)(dash - v.upstream) : strlen(v.upstream);
	v.revision = dash ? dash + 1 : "";
	v.n_revision = strlen(v.revision);
	return v;
}

int sut_move_compare(const char *a, const char *b)
{
	struct version x = split(a), y = split(b);

	if (x.epoch != y.epoch)
		return x.epoch < y.epoch ? -1 : 1;
	int order = compare_part(x.upstream, x.n_upstream, y.upstream, y.n_upstream);
	return order ? order : compare_part(x.revision, x.n_revision, y.revision, y.n_revision);
}

/** A paragraph of dpkg's status file. Owned copies. */
struct installed {
	char name[256], version[256], architecture[64], status[64];
};

static void take_field(const char *line, const char *key, char *value, size_t size)
{
	size_t n = strlen(key);

	if (strncmp(line, key, n) != 0 || line[n] != ':')
		return;
	for (line += n + 1; *line == ' '; line++)
		;
	snprintf(value, size, "%s", line);
}

// The next paragraph; false at the end. Lines that are too long are cut.
static bool next_installed(struct sut_view *rest, struct installed *ret)
{
	char line[600];

	*ret = (struct installed){ 0 };
	while (rest->size) {
		const uint8_t *end = memchr(rest->data, '\n', rest->size);
		size_t size = end ? (size_t)(end - rest->data) : rest->size;
		size_t n = size < sizeof(line) ? size : sizeof(line) - 1;
		memcpy(line, rest->data, n);
		line[n] = 0;
		size += end ? 1 : 0;
		*rest = (struct sut_view){ rest->data + size, rest->size - size };
		if (!*line && ret->name[0])
			return true;
		take_field(line, "Package", ret->name, sizeof(ret->name));
		take_field(line, "Version", ret->version, sizeof(ret->version));
		take_field(line, "Architecture", ret->architecture, sizeof(ret->architecture));
		take_field(line, "Status", ret->status, sizeof(ret->status));
	}
	return ret->name[0];
}

static const struct sut_baseline_package *find_package(const struct sut_baseline *baseline,
						       const struct installed *installed)
{
	for (size_t i = 0; i < baseline->n_packages; i++) {
		const struct sut_baseline_package *p = &baseline->packages[i];
		if (strcmp(p->name, installed->name) == 0 &&
		    (strcmp(p->architecture, installed->architecture) == 0 ||
		     strcmp(p->architecture, "all") == 0))
			return p;
	}
	return NULL;
}

struct sut_err *sut_move_packages(const struct sut_baseline *baseline, struct sut_view status,
				  json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	struct installed installed;

	while (list && next_installed(&status, &installed)) {
		const struct sut_baseline_package *p = find_package(baseline, &installed);
		size_t n = strlen(installed.status);
		// "install ok installed", "hold ok installed"
		bool is_there = n > 10 && strcmp(installed.status + n - 10, " installed") == 0;
		if (!p || !is_there || sut_move_compare(installed.version, p->version) >= 0)
			continue;
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:b}", "name", p->name,
						"architecture", installed.architecture, "from",
						installed.version, "to", p->version, "hold",
						strncmp(installed.status, "hold ", 5) == 0));
	}
	if (!list)
		return sut_err_nomem();
	*ret = steal(list);
	return NULL;
}

// Packages that are in use from the first moment on: only a boot changes what runs of them.
static json_t *find_reboot(const struct sut_baseline *baseline, const json_t *packages)
{
	static const struct {
		const char *path, *why;
	} marks[] = {
		{ "/boot/vmlinuz-", "the kernel" },
		{ "/lib/x86_64-linux-gnu/libc.so.6", "the C library" },
		{ "/usr/lib/x86_64-linux-gnu/libc.so.6", "the C library" },
		{ "/lib/systemd/systemd", "init" },
		{ "/usr/lib/systemd/systemd", "init" },
		{ "/sbin/init", "init" },
	};
	json_t *why = json_object();
	const json_t *one;
	size_t k;

	json_array_foreach(packages, k, one)
	{
		for (size_t i = 0; i < baseline->n_packages; i++) {
			const struct sut_baseline_package *p = &baseline->packages[i];
			if (strcmp(p->name, sut_state_text(one, "name")) != 0)
				continue;
			for (size_t j = 0; j < p->n_builds * 6; j++)
				if (strncmp(p->builds[j / 6].path, marks[j % 6].path,
					    strlen(marks[j % 6].path)) == 0)
					json_object_set_new(why, marks[j % 6].why, json_true());
		}
	}
	return why;
}

// Will a file of one of the packages be another one? Then whoever runs it runs the old one.
static json_t *find_paths(const struct sut_baseline *baseline, const json_t *packages)
{
	json_t *paths = json_object();
	const json_t *one;
	size_t k;

	json_array_foreach(packages, k, one)
	{
		for (size_t i = 0; i < baseline->n_packages; i++) {
			const struct sut_baseline_package *p = &baseline->packages[i];
			if (strcmp(p->name, sut_state_text(one, "name")) != 0)
				continue;
			for (size_t j = 0; j < p->n_builds; j++)
				json_object_set_new(paths, p->builds[j].path, json_true());
		}
	}
	return paths;
}

struct sut_err *sut_move_plan(const struct sut_baseline *baseline, const char *status_path,
			      json_t **ret)
{
	_cleanup_(sut_file_deinit) struct sut_file status = { 0 };
	_cleanup_json_ json_t *packages = NULL, *reasons = NULL, *paths = NULL;
	json_t *why = json_array(), *ignored;
	const char *key;
	struct sut_err *err = sut_file_read(status_path, &status);

	if (!err)
		err = sut_move_packages(baseline, status.view, &packages);
	if (err) {
		json_decref(why);
		return err;
	}
	reasons = find_reboot(baseline, packages);
	paths = find_paths(baseline, packages);
	json_object_foreach(reasons, key, ignored) json_array_append_new(why, json_string(key));
	*ret = json_pack("{s:s, s:O, s:O, s:b, s:o}", "baseline", baseline->name, "packages",
			 packages, "paths", paths, "reboot", json_array_size(why) > 0, "why_reboot",
			 why);
	return *ret ? NULL : sut_err_nomem();
}
