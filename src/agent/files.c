// SPDX-License-Identifier: Apache-2.0
#include "agent/files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"

struct sut_err *sut_state_read(const struct sut_config *config, const char *below, json_t **ret)
{
	_cleanup_free_ char *path = sut_config_path(config, below);
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };

	if (!path)
		return sut_err_nomem();
	if (access(path, F_OK) < 0 && errno == ENOENT) {
		*ret = NULL;
		return NULL;
	}
	struct sut_err *err = sut_file_read(path, &file);
	if (!err)
		err = sut_json_parse(file.view, ret);
	return err ? sut_err_wrap(err, "%s", path) : NULL;
}

struct sut_err *sut_state_write_to(const char *path, const json_t *json, mode_t mode)
{
	_cleanup_free_ char *text = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	if (!text)
		return sut_err_nomem();
	return sut_file_write_durable(
		path, (struct sut_view){ (const uint8_t *)text, strlen(text) }, mode);
}

struct sut_err *sut_state_write(const struct sut_config *config, const char *below,
				const json_t *json, mode_t mode)
{
	_cleanup_free_ char *path = sut_config_path(config, below);

	return path ? sut_state_write_to(path, json, mode) : sut_err_nomem();
}

const char *sut_state_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}
