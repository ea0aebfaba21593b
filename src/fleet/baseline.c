// SPDX-License-Identifier: Apache-2.0
#include "fleet/baseline.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/index.h"
#include "base/json.h"
#include "fleet/shape.h"

#define AT(type, field) .at = offsetof(struct sut_baseline##type, field)

static const struct sut_shape build_shape = {
	.size = sizeof(struct sut_baseline_build),
	.members =
		(const struct sut_member[]){
			{ "path", SUT_MEMBER_TEXT, AT(_build, path) },
			{ "build_id", SUT_MEMBER_HEX, AT(_build, build_id) },
			{ 0 },
		},
};

static const struct sut_shape package_shape = {
	.size = sizeof(struct sut_baseline_package),
	.members =
		(const struct sut_member[]){
			{ "name", SUT_MEMBER_NAME, AT(_package, name) },
			{ "version", SUT_MEMBER_NAME, AT(_package, version) },
			{ "architecture", SUT_MEMBER_NAME, AT(_package, architecture) },
			{ "source", SUT_MEMBER_NAME, AT(_package, source) },
			{ "builds", SUT_MEMBER_LIST, AT(_package, builds), .shape = &build_shape,
			  .n_at = offsetof(struct sut_baseline_package, n_builds) },
			{ 0 },
		},
};

static const struct sut_shape baseline_shape = {
	.type = "baseline",
	.size = sizeof(struct sut_baseline),
	.members =
		(const struct sut_member[]){
			{ "name", SUT_MEMBER_RELEASE, AT(, name) },
			{ "product", SUT_MEMBER_NAME, AT(, product) },
			{ "date", SUT_MEMBER_DATE, AT(, date) },
			{ "planned", SUT_MEMBER_BOOL, AT(, is_planned) },
			{ "packages", SUT_MEMBER_LIST, AT(, packages), .shape = &package_shape,
			  .n_at = offsetof(struct sut_baseline, n_packages) },
			{ 0 },
		},
};

static struct sut_err *check_paths(const struct sut_baseline_package *package)
{
	for (size_t k = 0; k < package->n_builds; k++)
		if (package->builds[k].path[0] != '/')
			return sut_err(SUT_E_FORMAT, "package %s: path \"%s\" is not absolute",
				       package->name, package->builds[k].path);
	return NULL;
}

static struct sut_err *check_twice(const struct sut_baseline *baseline, size_t at,
				   struct sut_index *seen)
{
	const struct sut_baseline_package *package = &baseline->packages[at];
	uint64_t key = sut_hash(SUT_HASH_SEED, package->name, strlen(package->name));

	for (size_t i = sut_index_first(seen, key); i != SUT_INDEX_END;
	     i = sut_index_next(seen, i)) {
		const struct sut_baseline_package *other =
			&baseline->packages[seen->entries[i].value];
		if (strcmp(other->name, package->name) == 0 &&
		    strcmp(other->architecture, package->architecture) == 0)
			return sut_err(SUT_E_FORMAT, "package %s is there twice", package->name);
	}
	return sut_index_add(seen, key, (uint32_t)at);
}

static struct sut_err *check_packages(const struct sut_baseline *baseline)
{
	_cleanup_(sut_index_deinit) struct sut_index seen = { 0 };
	struct sut_err *err = NULL;

	for (size_t i = 0; i < baseline->n_packages && !err; i++) {
		err = check_paths(&baseline->packages[i]);
		if (!err)
			err = check_twice(baseline, i, &seen);
	}
	return err;
}

struct sut_err *sut_baseline_read(struct sut_view bytes, struct sut_baseline *ret)
{
	_cleanup_json_ json_t *json = NULL;
	struct sut_baseline baseline = { 0 };
	struct sut_err *err = sut_json_parse(bytes, &json);

	if (!err)
		err = sut_shape_read(&baseline_shape, json, &baseline);
	if (!err)
		err = check_packages(&baseline);
	if (err) {
		sut_baseline_deinit(&baseline);
		return sut_err_wrap(err, "baseline");
	}
	*ret = baseline;
	return NULL;
}

void sut_baseline_deinit(struct sut_baseline *baseline)
{
	sut_shape_deinit(&baseline_shape, baseline);
}

json_t *sut_baseline_write(const struct sut_baseline *baseline)
{
	return sut_shape_write(&baseline_shape, baseline);
}

const struct sut_baseline_package *sut_baseline_find(const struct sut_baseline *baseline,
						     const char *build_id,
						     const struct sut_baseline_build **build_ret)
{
	for (size_t i = 0; i < baseline->n_packages; i++) {
		const struct sut_baseline_package *package = &baseline->packages[i];
		for (size_t k = 0; k < package->n_builds; k++) {
			if (strcmp(package->builds[k].build_id, build_id) != 0)
				continue;
			if (build_ret)
				*build_ret = &package->builds[k];
			return package;
		}
	}
	return NULL;
}
