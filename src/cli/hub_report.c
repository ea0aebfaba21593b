// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/hub_command.h"
#include "cli/ui.h"

static const json_t *follow(const json_t *value, const char *path)
{
	char name[64];

	while (value && *path) {
		size_t size = strcspn(path, ".");
		snprintf(name, sizeof(name), "%.*s", (int)size, path);
		value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10))
					     : json_object_get(value, name);
		path += size + (path[size] == '.');
	}
	return value;
}

const char *sut_hub_text(const json_t *object, const char *key, char room[32])
{
	const json_t *value = follow(object, key);

	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_boolean(value))
		return json_is_true(value) ? "yes" : "no";
	if (json_is_integer(value)) {
		snprintf(room, 32, "%lld", (long long)json_integer_value(value));
		return room;
	}
	if (json_is_real(value)) {
		snprintf(room, 32, "%.4g", json_real_value(value));
		return room;
	}
	return "";
}

struct sut_err *sut_hub_print_rows(const json_t *rows, const struct sut_hub_column *columns,
				   const char *empty)
{
	struct sut_column titles[17] = { 0 };
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	size_t n = 0, i;
	const json_t *row;

	if (json_array_size(rows) == 0) {
		puts(empty);
		return NULL;
	}
	for (; columns[n].title && n < 16; n++)
		titles[n] = (struct sut_column){ columns[n].title, columns[n].kind };
	struct sut_err *err = sut_table_new(titles, &table);
	json_array_foreach((json_t *)rows, i, row)
	{
		char room[16][32];
		const char *cells[16];
		for (size_t j = 0; j < n; j++)
			cells[j] = sut_hub_text(row, columns[j].key, room[j]);
		if (!err)
			err = sut_table_row(table, cells);
	}
	return err ? err : sut_table_print(table);
}

void sut_hub_print_fact(const char *name, const json_t *object, const char *key)
{
	char room[32];
	const char *text = sut_hub_text(object, key, room);

	if (*text)
		printf("%-12s %s\n", name, text);
}

struct sut_err *sut_hub_show_list(const struct sut_hub_call *call, const char *path,
				  const struct sut_hub_column *columns, const char *empty)
{
	_cleanup_json_ json_t *list = NULL;
	struct sut_err *err = sut_hub_client_list(call->hub, path, call->most, &list);

	if (err)
		return err;
	if (call->is_json)
		return sut_ui_print_json(steal(list));
	const json_t *items = json_object_get(list, "items");
	err = sut_hub_print_rows(items, columns, empty);
	if (!err && json_is_string(json_object_get(list, "next")))
		printf("%zu of %lld; --limit shows more\n", json_array_size(items),
		       (long long)json_integer_value(json_object_get(list, "total")));
	return err;
}

struct sut_err *sut_hub_ask(const struct sut_hub_call *call, const char *method, const char *base,
			    const char *name, const char *tail, const json_t *body, json_t **ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf path = { 0 };
	struct sut_err *err = sut_hub_path_raw(&path, base);

	if (!err && name)
		err = sut_hub_path_add(&path, name);
	if (!err && tail)
		err = sut_hub_path_raw(&path, tail);
	return err ? err : sut_hub_client_call(call->hub, method, sut_hub_path(&path), body, ret);
}

struct sut_err *sut_hub_put(json_t *body, const char *key, const char *value)
{
	if (!value)
		return NULL;
	json_t *text = json_string(value);
	if (!text)
		return sut_err(SUT_E_USAGE, "%s: this is no UTF-8 text", key);
	return json_object_set_new(body, key, text) == 0 ? NULL : sut_err_nomem();
}

struct sut_err *sut_hub_need_reason(const struct sut_hub_call *call)
{
	return call->options[SUT_HUB_REASON]
		       ? NULL
		       : sut_err(SUT_E_USAGE,
				 "--reason TEXT is needed: it goes into the audit log");
}
