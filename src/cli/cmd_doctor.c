// SPDX-License-Identifier: Apache-2.0
#include "cli/crew.h"
#include "cli/ui.h"
#include "engine/doctor.h"

static const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static struct sut_err *print_checks(const json_t *list)
{
	static const struct sut_column columns[] = {
		{ "CHECK", SUT_COLUMN_TEXT },
		{ "STATUS", SUT_COLUMN_TEXT },
		{ "DETAIL", SUT_COLUMN_LONG },
		{ "WHAT TO DO", SUT_COLUMN_LONG },
		{ NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)list, i, item) {
		const char *cells[] = { string_of(item, "check"), string_of(item, "status"),
					string_of(item, "detail"), string_of(item, "advice") };
		if (!err)
			err = sut_table_row(table, cells);
	}
	return err ? err : sut_table_print(table);
}

struct sut_err *sut_cmd_doctor(int argc, char **argv, enum sut_exit *status)
{
	bool works, is_json = false;
	const struct sut_ui_place places[] = { { "json", NULL, &is_json }, { 0 } };
	json_t *list;
	struct sut_err *err = sut_ui_options(argc, argv, places);

	if (!err && optind < argc)
		err = sut_err(SUT_E_USAGE, "doctor takes no arguments");
	if (!err)
		err = sut_doctor(&list, &works);
	if (err)
		return err;
	*status = works ? SUT_EXIT_OK : SUT_EXIT_SOME_NOT;
	if (is_json)
		return sut_ui_print_json(
			json_pack("{s:b, s:o}", "works", works, "checks", list));
	err = print_checks(list);
	json_decref(list);
	if (!err)
		sut_ui_say(works ? "\nSuture can work here." : "\nSuture cannot work here.");
	return err;
}
