// SPDX-License-Identifier: Apache-2.0
#include "hub/rollout/text.h"

#include <string.h>

#include "base/json.h"

static struct sut_err *check_line(const char *text, const char *key, size_t most)
{
	size_t size = strlen(text);

	if (size == 0 || size > most)
		return sut_err(SUT_E_FORMAT, "'%s' must have 1 to %zu bytes", key, most);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return sut_err(SUT_E_FORMAT, "'%s' has a control character", key);
	return NULL;
}

struct sut_err *sut_body_line(const json_t *body, const char *key, size_t most, const char **ret)
{
	const char *text;
	struct sut_err *err = sut_json_text(body, key, &text);

	if (!err)
		err = check_line(text, key, most);
	if (!err)
		*ret = text;
	return err;
}

struct sut_err *sut_body_line_if(const json_t *body, const char *key, size_t most, const char **ret)
{
	const char *text;
	struct sut_err *err = sut_json_text_if(body, key, &text);

	if (!err && text)
		err = check_line(text, key, most);
	if (!err)
		*ret = text;
	return err;
}

struct sut_err *sut_body_check(const json_t *body, const char *const *keys)
{
	const char *key;
	json_t *value;

	if (!json_is_object(body))
		return sut_err(SUT_E_FORMAT, "the body must be a JSON object");
	json_object_foreach((json_t *)body, key, value)
	{
		const char *const *known = keys;
		while (*known && strcmp(*known, key) != 0)
			known++;
		if (!*known)
			return sut_err(SUT_E_FORMAT, "'%s' is not known here", key);
	}
	return NULL;
}
