// SPDX-License-Identifier: Apache-2.0
#include "fleet/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "fleet/shape.h"

static const char *const severities[] = { "critical", "high", "medium", "low", "unknown", NULL };
static const char *const kinds[] = { "hotpatch", "baseline", NULL };
static const char *const verdicts[] = { "review", "refused", NULL };

#define AT(type, field)   .at = offsetof(struct type, field)
#define N_AT(type, field) .n_at = offsetof(struct type, field)

static const struct sut_shape advisory_shape = {
	.size = sizeof(struct sut_advisory),
	.members =
		(const struct sut_member[]){
			{ "id", SUT_MEMBER_NAME, AT(sut_advisory, id) },
			{ "severity", SUT_MEMBER_CHOICE, AT(sut_advisory, severity),
			  .words = severities },
			{ "published", SUT_MEMBER_DATE, AT(sut_advisory, published) },
			{ "summary", SUT_MEMBER_TEXT, AT(sut_advisory, summary) },
			{ 0 },
		},
};

static const struct sut_shape accepted_shape = {
	.size = sizeof(struct sut_release_sign),
	.members =
		(const struct sut_member[]){
			{ "code", SUT_MEMBER_TEXT, AT(sut_release_sign, code) },
			{ "function", SUT_MEMBER_TEXT, AT(sut_release_sign, function) },
			{ "why", SUT_MEMBER_TEXT, AT(sut_release_sign, why) },
			{ 0 },
		},
};

static const struct sut_shape reason_shape = {
	.size = sizeof(struct sut_release_sign),
	.members =
		(const struct sut_member[]){
			{ "code", SUT_MEMBER_TEXT, AT(sut_release_sign, code) },
			{ "function", SUT_MEMBER_TEXT, AT(sut_release_sign, function) },
			{ "detail", SUT_MEMBER_TEXT, AT(sut_release_sign, why) },
			{ 0 },
		},
};

static const struct sut_shape hotpatch_shape = {
	.size = sizeof(struct sut_release_hotpatch),
	.members =
		(const struct sut_member[]){
			{ "name", SUT_MEMBER_NAME, AT(sut_release_hotpatch, name) },
			{ "target", SUT_MEMBER_TEXT, AT(sut_release_hotpatch, target) },
			{ "sha256", SUT_MEMBER_HEX, AT(sut_release_hotpatch, sha256) },
			{ "size", SUT_MEMBER_COUNT, AT(sut_release_hotpatch, size) },
			{ "full_size", SUT_MEMBER_COUNT, AT(sut_release_hotpatch, full_size) },
			{ "old_build_id", SUT_MEMBER_HEX, AT(sut_release_hotpatch, old_build_id) },
			{ "new_build_id", SUT_MEMBER_HEX, AT(sut_release_hotpatch, new_build_id) },
			{ "package", SUT_MEMBER_NAME, AT(sut_release_hotpatch, package) },
			{ "old_version", SUT_MEMBER_NAME, AT(sut_release_hotpatch, old_version) },
			{ "new_version", SUT_MEMBER_NAME, AT(sut_release_hotpatch, new_version) },
			{ "path", SUT_MEMBER_TEXT, AT(sut_release_hotpatch, path) },
			{ "advisories", SUT_MEMBER_NAMES, AT(sut_release_hotpatch, advisories),
			  N_AT(sut_release_hotpatch, n_advisories) },
			{ "accepted", SUT_MEMBER_LIST, AT(sut_release_hotpatch, accepted),
			  N_AT(sut_release_hotpatch, n_accepted), .shape = &accepted_shape },
			{ 0 },
		},
};

static const struct sut_shape leftover_shape = {
	.size = sizeof(struct sut_release_leftover),
	.members =
		(const struct sut_member[]){
			{ "package", SUT_MEMBER_NAME, AT(sut_release_leftover, package) },
			{ "path", SUT_MEMBER_TEXT, AT(sut_release_leftover, path) },
			{ "old_build_id", SUT_MEMBER_HEX, SUT_MEMBER_OPTIONAL,
			  AT(sut_release_leftover, old_build_id) },
			{ "new_build_id", SUT_MEMBER_HEX, SUT_MEMBER_OPTIONAL,
			  AT(sut_release_leftover, new_build_id) },
			{ "verdict", SUT_MEMBER_CHOICE, AT(sut_release_leftover, verdict),
			  .words = verdicts },
			{ "reasons", SUT_MEMBER_LIST, AT(sut_release_leftover, reasons),
			  N_AT(sut_release_leftover, n_reasons), .shape = &reason_shape },
			{ "advisories", SUT_MEMBER_NAMES, AT(sut_release_leftover, advisories),
			  N_AT(sut_release_leftover, n_advisories) },
			{ 0 },
		},
};

static const struct sut_shape release_shape = {
	.type = "release",
	.size = sizeof(struct sut_release),
	.members =
		(const struct sut_member[]){
			{ "name", SUT_MEMBER_RELEASE, AT(sut_release, name) },
			{ "baseline", SUT_MEMBER_RELEASE, AT(sut_release, baseline) },
			{ "kind", SUT_MEMBER_CHOICE, AT(sut_release, kind), .words = kinds },
			{ "date", SUT_MEMBER_DATE, AT(sut_release, date) },
			{ "out_of_band", SUT_MEMBER_BOOL, AT(sut_release, is_out_of_band) },
			{ "advisories", SUT_MEMBER_LIST, AT(sut_release, advisories),
			  N_AT(sut_release, n_advisories), .shape = &advisory_shape },
			{ "hotpatches", SUT_MEMBER_LIST, AT(sut_release, hotpatches),
			  N_AT(sut_release, n_hotpatches), .shape = &hotpatch_shape },
			{ "not_hotpatchable", SUT_MEMBER_LIST, AT(sut_release, leftovers),
			  N_AT(sut_release, n_leftovers), .shape = &leftover_shape },
			{ 0 },
		},
};

const char *sut_advisory_severity_name(enum sut_advisory_severity severity)
{
	return severities[severity];
}

bool sut_advisory_severity_find(const char *word, enum sut_advisory_severity *ret)
{
	for (int i = 0; severities[i]; i++) {
		if (strcmp(severities[i], word) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static struct sut_err *check_hotpatch(const struct sut_release *release, size_t at)
{
	const struct sut_release_hotpatch *h = &release->hotpatches[at];
	_cleanup_free_ char *target = NULL;

	if (asprintf(&target, "hotpatches/%s/%s.hotpatch", release->name, h->name) < 0)
		return sut_err_nomem();
	if (strcmp(target, h->target) != 0)
		return sut_err(SUT_E_FORMAT, "hotpatch %s: target \"%s\" must be \"%s\"", h->name,
			       h->target, target);
	if (strlen(h->sha256) != 64)
		return sut_err(SUT_E_FORMAT, "hotpatch %s: \"sha256\" is no SHA-256", h->name);
	if (h->path[0] != '/')
		return sut_err(SUT_E_FORMAT, "hotpatch %s: path \"%s\" is not absolute", h->name,
			       h->path);
	for (size_t i = 0; i < at; i++) {
		const struct sut_release_hotpatch *other = &release->hotpatches[i];
		if (strcmp(other->name, h->name) == 0)
			return sut_err(SUT_E_FORMAT, "hotpatch %s is there twice", h->name);
		if (strcmp(other->old_build_id, h->old_build_id) == 0)
			return sut_err(SUT_E_FORMAT, "hotpatches %s and %s are for one build",
				       other->name, h->name);
	}
	return NULL;
}

struct sut_err *sut_release_read(struct sut_view bytes, struct sut_release *ret)
{
	_cleanup_json_ json_t *json = NULL;
	struct sut_release release = { 0 };
	struct sut_err *err = sut_json_parse(bytes, &json);

	if (!err)
		err = sut_shape_read(&release_shape, json, &release);
	for (size_t i = 0; i < release.n_hotpatches && !err; i++)
		err = check_hotpatch(&release, i);
	if (err) {
		sut_release_deinit(&release);
		return sut_err_wrap(err, "release");
	}
	*ret = release;
	return NULL;
}

void sut_release_deinit(struct sut_release *release)
{
	sut_shape_deinit(&release_shape, release);
}

json_t *sut_release_write(const struct sut_release *release)
{
	return sut_shape_write(&release_shape, release);
}

const struct sut_release_hotpatch *sut_release_find(const struct sut_release *release,
						    const char *build_id)
{
	for (size_t i = 0; i < release->n_hotpatches; i++)
		if (strcmp(release->hotpatches[i].old_build_id, build_id) == 0)
			return &release->hotpatches[i];
	return NULL;
}

const struct sut_advisory *sut_release_advisory(const struct sut_release *release, const char *id)
{
	for (size_t i = 0; i < release->n_advisories; i++)
		if (strcmp(release->advisories[i].id, id) == 0)
			return &release->advisories[i];
	return NULL;
}
