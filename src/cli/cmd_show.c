// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/command.h"
#include "cli/disasm.h"
#include "cli/ui.h"


/** Room for a number as text. */
struct number {
	char text[24];
};

static struct number decimal(uint64_t value)
{
	struct number n;

	snprintf(n.text, sizeof(n.text), "%" PRIu64, value);
	return n;
}

static struct number address(uint64_t value)
{
	struct number n;

	snprintf(n.text, sizeof(n.text), "0x%" PRIx64, value);
	return n;
}

static const char *access_of(const struct sut_part *part)
{
	if (part->flags & SHF_EXECINSTR)
		return "read-execute";
	return part->flags & SHF_WRITE ? "read-write" : "read-only";
}

static size_t count_relocs(const struct sut_patch *patch, size_t part)
{
	size_t n = 0;

	for (size_t i = 0; i < patch->n_relocs; i++)
		n += patch->relocs[i].part == part;
	return n;
}

static size_t count_imports(const struct sut_patch *patch)
{
	size_t n = 0;

	for (size_t i = 0; i < patch->n_symbols; i++)
		n += patch->symbols[i].where == SUT_WHERE_IMPORT;
	return n;
}

static uint64_t payload_size(const struct sut_patch *patch)
{
	uint64_t size = 0;

	for (size_t i = 0; i < patch->n_parts; i++)
		size += patch->parts[i].size;
	return size;
}

static const char *string_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t integer_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void print_list(const char *title, const json_t *strings)
{
	size_t i;
	json_t *string;

	if (json_array_size(strings) == 0)
		return;
	printf("%-10s ", title);
	json_array_foreach((json_t *)strings, i, string)
		printf("%s%s", i ? ", " : "", json_string_value(string));
	putchar('\n');
}

static void print_identity(const struct sut_patch *patch, uint64_t file_size)
{
	char digest[2 * SUT_SHA256_SIZE + 1];

	sut_hex((struct sut_view){ patch->digest.bytes, SUT_SHA256_SIZE }, digest);
	printf("%-10s %s\n", "Hotpatch", sut_patch_string(patch, "name"));
	printf("%-10s %s\n", "For", sut_patch_string(patch, "file"));
	if (*sut_patch_string(patch, "package"))
		printf("%-10s %s %s -> %s (%s)\n", "Package", sut_patch_string(patch, "package"),
		       sut_patch_string(patch, "old_version"),
		       sut_patch_string(patch, "new_version"),
		       sut_patch_string(patch, "architecture"));
	printf("%-10s %s\n", "Old build", sut_patch_string(patch, "old_build_id"));
	printf("%-10s %s\n", "New build", sut_patch_string(patch, "new_build_id"));
	print_list("Advisories", json_object_get(patch->meta, "advisories"));
	printf("%-10s %s\n", "Verdict", sut_patch_string(patch, "verdict"));
	if (json_is_true(json_object_get(patch->meta, "entry_only_safe")))
		printf("%-10s %s\n", "Entry only", "proved to be enough: apply --entry-only");
	print_list("Then do", json_object_get(patch->meta, "after"));
	printf("%-10s %s in the file, %s in each process\n", "Size", sut_ui_size(file_size).text,
	       sut_ui_size(payload_size(patch)).text);
	printf("%-10s %s\n", "SHA-256", digest);
	printf("%-10s suture %s\n", "Built by", sut_patch_string(patch, "builder"));
}

static struct sut_err *add_function(struct sut_table *table, const char *name,
				    const char *place, const char *old_size, const char *new_size)
{
	return sut_table_row(table, (const char *[]){ name, place, old_size, new_size });
}

static struct sut_err *print_functions(const struct sut_patch *patch)
{
	static const struct sut_column columns[] = {
		{ "FUNCTION", SUT_COLUMN_TEXT },
		{ "ADDRESS", SUT_COLUMN_NUMBER },
		{ "OLD BYTES", SUT_COLUMN_NUMBER },
		{ "NEW BYTES", SUT_COLUMN_NUMBER },
		{ NULL, 0 },
	};
	const json_t *counts = json_object_get(patch->meta, "counts");
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);
	size_t i;
	json_t *added;

	for (i = 0; !err && i < patch->n_functions; i++) {
		const struct sut_patch_function *f = &patch->functions[i];
		err = add_function(table, f->name, address(f->vaddr).text,
				   decimal(f->old_size).text, decimal(f->new_size).text);
	}
	json_array_foreach(json_object_get(patch->meta, "added"), i, added) {
		if (!err)
			err = add_function(table, string_of(added, "name"), "new", "",
					   decimal(integer_of(added, "size")).text);
	}
	if (err)
		return err;
	printf("\nFunctions: %" JSON_INTEGER_FORMAT " in the old build, %" JSON_INTEGER_FORMAT
	       " identical, %zu replaced, %" JSON_INTEGER_FORMAT " added, %" JSON_INTEGER_FORMAT
	       " left as they are\n\n",
	       integer_of(counts, "total"), integer_of(counts, "identical"), patch->n_functions,
	       integer_of(counts, "added"), integer_of(counts, "cosmetic"));
	err = sut_table_print(table);
	if (!err)
		print_list("\nLeft as they are (line numbers and the like):",
			   json_object_get(patch->meta, "cosmetic"));
	return err;
}

static struct sut_err *print_conditions(const struct sut_patch *patch)
{
	static const struct sut_column columns[] = {
		{ "CODE", SUT_COLUMN_TEXT },
		{ "FUNCTION", SUT_COLUMN_TEXT },
		{ "SIGN", SUT_COLUMN_LONG },
		{ "ACCEPTED BECAUSE", SUT_COLUMN_LONG },
		{ NULL, 0 },
	};
	const json_t *conditions = json_object_get(patch->meta, "conditions");
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);
	size_t i;
	json_t *condition;

	json_array_foreach((json_t *)conditions, i, condition) {
		const char *accepted = string_of(condition, "accepted");
		const char *cells[] = {
			string_of(condition, "code"),
			string_of(condition, "function"),
			string_of(condition, "detail"),
			*accepted ? accepted : "(a note)",
		};
		if (!err)
			err = sut_table_row(table, cells);
	}
	if (err)
		return err;
	puts(json_array_size(conditions) ? "\nConditions:\n" : "\nConditions: none");
	return json_array_size(conditions) ? sut_table_print(table) : NULL;
}

static struct sut_err *print_imports(const struct sut_patch *patch)
{
	static const struct sut_column columns[] = {
		{ "IMPORT", SUT_COLUMN_TEXT },
		{ "VERSION", SUT_COLUMN_TEXT },
		{ "WHEN ABSENT", SUT_COLUMN_TEXT },
		{ NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);

	for (size_t i = 0; !err && i < patch->n_symbols; i++) {
		const struct sut_patch_symbol *symbol = &patch->symbols[i];
		const char *cells[] = {
			symbol->name,
			symbol->version,
			symbol->is_weak ? "address 0" : "refused",
		};
		if (symbol->where == SUT_WHERE_IMPORT)
			err = sut_table_row(table, cells);
	}
	if (err)
		return err;
	puts(count_imports(patch) ? "\nImports:\n" : "\nImports: none");
	return count_imports(patch) ? sut_table_print(table) : NULL;
}

static struct sut_err *print_parts(const struct sut_patch *patch)
{
	static const struct sut_column columns[] = {
		{ "PART", SUT_COLUMN_TEXT },
		{ "BYTES", SUT_COLUMN_NUMBER },
		{ "ALIGN", SUT_COLUMN_NUMBER },
		{ "RELOCATIONS", SUT_COLUMN_NUMBER },
		{ "ACCESS", SUT_COLUMN_TEXT },
		{ NULL, 0 },
	};
	_cleanup_(sut_table_freep) struct sut_table *table = NULL;
	struct sut_err *err = sut_table_new(columns, &table);

	for (size_t i = 0; !err && i < patch->n_parts; i++) {
		const struct sut_part *part = &patch->parts[i];
		struct number size = decimal(part->size), align = decimal(part->align);
		struct number relocs = decimal(count_relocs(patch, i));
		const char *cells[] = { part->name, size.text, align.text, relocs.text,
					access_of(part) };
		err = sut_table_row(table, cells);
	}
	if (err)
		return err;
	printf("\nPayload:\n\n");
	return sut_table_print(table);
}

static struct sut_err *print_code(const struct sut_patch *patch)
{
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
	struct sut_err *err = sut_disasm(patch, &text);

	if (err)
		return err;
	fwrite(text.data, 1, text.size, stdout);
	return NULL;
}

static struct sut_err *print_text(const struct sut_patch *patch, uint64_t file_size)
{
	print_identity(patch, file_size);
	struct sut_err *err = print_functions(patch);
	if (!err)
		err = print_conditions(patch);
	if (!err)
		err = print_imports(patch);
	if (!err)
		err = print_parts(patch);
	return err;
}

static json_t *list_functions(const struct sut_patch *patch)
{
	json_t *list = json_array();

	for (size_t i = 0; i < patch->n_functions; i++) {
		const struct sut_patch_function *f = &patch->functions[i];
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I, s:I}", "name", f->name, "address",
						(json_int_t)f->vaddr, "old_size",
						(json_int_t)f->old_size, "new_size",
						(json_int_t)f->new_size));
	}
	return list;
}

static json_t *list_imports(const struct sut_patch *patch)
{
	json_t *list = json_array();

	for (size_t i = 0; i < patch->n_symbols; i++) {
		const struct sut_patch_symbol *symbol = &patch->symbols[i];
		if (symbol->where == SUT_WHERE_IMPORT)
			json_array_append_new(
				list, json_pack("{s:s, s:s?, s:b}", "name", symbol->name, "version",
						symbol->version, "weak", symbol->is_weak));
	}
	return list;
}

static json_t *list_parts(const struct sut_patch *patch)
{
	json_t *list = json_array();

	for (size_t i = 0; i < patch->n_parts; i++) {
		const struct sut_part *part = &patch->parts[i];
		json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:i, s:s}", "name",
						      part->name, "size", (json_int_t)part->size,
						      "align", (json_int_t)part->align,
						      "relocations", (int)count_relocs(patch, i),
						      "access", access_of(part)));
	}
	return list;
}

// The metadata as it stands in the file, and beside it what the tables say.
static struct sut_err *print_json(const struct sut_patch *patch, uint64_t file_size)
{
	char digest[2 * SUT_SHA256_SIZE + 1];
	json_t *all = json_deep_copy(patch->meta);

	sut_hex((struct sut_view){ patch->digest.bytes, SUT_SHA256_SIZE }, digest);
	json_t *more = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "digest", digest, "size",
				 (json_int_t)file_size, "payload_size",
				 (json_int_t)payload_size(patch), "functions",
				 list_functions(patch), "imports", list_imports(patch), "parts",
				 list_parts(patch));
	int failed = !all || !more || json_object_update(all, more) < 0;
	json_decref(more);
	if (failed) {
		json_decref(all);
		return sut_err_nomem();
	}
	return sut_ui_print_json(all);
}

struct sut_err *sut_cmd_show(int argc, char **argv, enum sut_exit *status)
{
	_cleanup_(sut_patch_deinit) struct sut_patch patch = { 0 };
	bool has_disasm = false, is_json = false;
	const struct sut_ui_place places[] = {
		{ "disasm", NULL, &has_disasm },
		{ "json", NULL, &is_json },
		{ 0 },
	};
	uint64_t file_size;
	struct sut_err *err = sut_ui_options(argc, argv, places);

	if (err)
		return err;
	if (argc - optind != 1)
		return sut_err(SUT_E_USAGE, "give one FILE; see 'suture show --help'");
	if (has_disasm && is_json)
		return sut_err(SUT_E_USAGE, "--disasm is text: leave out --json");

	err = sut_ui_read_patch(argv[optind], &patch, &file_size);
	if (err)
		return err;
	*status = SUT_EXIT_OK;
	if (is_json)
		return print_json(&patch, file_size);
	err = print_text(&patch, file_size);
	return err || !has_disasm ? err : print_code(&patch);
}
