// SPDX-License-Identifier: Apache-2.0
#include "patch/patch.h"

#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "sample.h"
#include "test.h"

/** Change the sample by @p change, and expect the check, and so the writer too,
 *  to refuse it. */
#define EXPECT_BAD(text, change)                                                                   \
	do {                                                                                       \
		_cleanup_(sut_patch_deinit) struct sut_patch p = { 0 };                            \
		_cleanup_(sut_buf_deinit) struct sut_buf file = { 0 };                             \
		EXPECT_OK(sut_sample_patch(&p));                                                   \
		EXPECT_OK(sut_patch_check(&p));                                                    \
		change;                                                                            \
		EXPECT_ERR(sut_patch_check(&p), SUT_E_FORMAT, text);                               \
		EXPECT_ERR(sut_patch_write(&p, &file), SUT_E_FORMAT, text);                        \
	} while (0)

static void rename_to(char **name, const char *text)
{
	free(*name);
	*name = strdup(text);
	EXPECT(*name);
}

static void set(json_t *object, const char *key, json_t *value)
{
	EXPECT(value && json_object_set_new(object, key, value) == 0);
}

TEST(patch_check, parts)
{
	EXPECT_BAD("flags are", p.parts[0].flags |= SHF_WRITE);
	EXPECT_BAD("flags are", p.parts[0].flags |= SHF_TLS);
	EXPECT_BAD("flags are", p.parts[1].flags = 0);
	EXPECT_BAD("size is", p.parts[4].size = UINT64_MAX);
	EXPECT_BAD("size is", p.parts[4].size = 0);
	EXPECT_BAD("alignment is", p.parts[1].align = 3);
	EXPECT_BAD("alignment is", p.parts[1].align = 8192);
	EXPECT_BAD("alignment is", p.parts[1].align = 0);
	EXPECT_BAD("is there twice", rename_to(&p.parts[3].name, ".bss"));
	EXPECT_BAD("bad name", rename_to(&p.parts[3].name, "data"));
	EXPECT_BAD("bad name", rename_to(&p.parts[3].name, ".rela.text"));
	EXPECT_BAD("bad name", rename_to(&p.parts[3].name, ".suture.meta"));
	EXPECT_BAD("bad name", rename_to(&p.parts[3].name, ".da\nta"));
	EXPECT_BAD("code has no bytes", free(p.parts[0].bytes); p.parts[0].bytes = NULL);
}

TEST(patch_check, symbols)
{
	EXPECT_BAD("outside of its part", p.symbols[0].part = 5);
	EXPECT_BAD("outside of its part", p.symbols[0].value = 16);
	EXPECT_BAD("outside of its part", p.symbols[0].size = UINT64_MAX);
	EXPECT_BAD("bad name", rename_to(&p.symbols[0].name, "\x1b[2J"));
	EXPECT_BAD("type is", p.symbols[0].type = STT_TLS);
	EXPECT_BAD("or is weak", p.symbols[0].is_weak = true);
	EXPECT_BAD("no place in the old module", p.symbols[4].size = UINT64_MAX);
	EXPECT_BAD("bad name of an import", rename_to(&p.symbols[1].name, ""));
	EXPECT_BAD("bad name of an import", rename_to(&p.symbols[1].name, "puts@x"));
	EXPECT_BAD("bad version", rename_to(&p.symbols[1].version, ""));
	EXPECT_BAD("has a value", p.symbols[1].value = 1);
	EXPECT_BAD("is nowhere", p.symbols[4].where = 9);
}

TEST(patch_check, names_are_bounded)
{
	char name[4098];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	EXPECT_BAD("bad name", rename_to(&p.symbols[0].name, name));
}

TEST(patch_check, relocations)
{
	EXPECT_BAD("type is", p.relocs[0].type = R_X86_64_PLT32);
	EXPECT_BAD("no symbol", p.relocs[0].symbol = 10);
	EXPECT_BAD("outside of parts", p.relocs[6].off = 45);
	EXPECT_BAD("outside of parts", p.relocs[6].off = UINT64_MAX);
	EXPECT_BAD("outside of parts", p.relocs[11].part = 4); // .bss has no bytes
	EXPECT_BAD("outside of parts", p.relocs[11].part = 5);
	EXPECT_BAD("out of order", p.relocs[1].off = 9); // overlaps the one before
	EXPECT_BAD("out of order", p.relocs[7].part = 3);
}

TEST(patch_check, functions)
{
	EXPECT_BAD("replaces 0 functions", while (p.n_functions)
						   free(p.functions[--p.n_functions].name));
	EXPECT_BAD("bad name", rename_to(&p.functions[0].name, ""));
	EXPECT_BAD("out of order", p.functions[1].vaddr = 0x1180);
	EXPECT_BAD("entry skip", p.functions[0].entry_skip = 5);
	EXPECT_BAD("no symbol", p.functions[0].symbol = UINT32_MAX);
	EXPECT_BAD("not in the payload's code", p.functions[0].symbol = 4);
	EXPECT_BAD("not in the payload's code", p.functions[0].symbol = 3);
	EXPECT_BAD("new size", p.functions[0].new_size = 0);
	EXPECT_BAD("its ranges have", p.functions[0].old_size++);
	EXPECT_BAD("no room for a jump", p.functions[1].entry_skip = 4);
	EXPECT_BAD("no room for a jump", p.functions[1].vaddr++);
}

TEST(patch_check, ranges)
{
	EXPECT_BAD("bad size", p.ranges[0].size = 0);
	EXPECT_BAD("bad size", p.ranges[0].size = UINT64_MAX);
	EXPECT_BAD("out of order", p.ranges[0].size = 0x1181 - 0x1040);
	EXPECT_BAD("no function", p.ranges[0].function = 2);
	EXPECT_BAD("no room for a jump", p.ranges[1].size = 8; p.functions[0].old_size = 20);
}

TEST(patch_check, metadata)
{
	EXPECT_BAD("not a JSON object", json_decref(p.meta); p.meta = NULL);
	EXPECT_BAD("\"verdict\" is missing", json_object_del(p.meta, "verdict"));
	EXPECT_BAD("\"verdict\"", set(p.meta, "verdict", json_string("refused")));
	EXPECT_BAD("\"name\"", set(p.meta, "name", json_string("../x")));
	EXPECT_BAD("\"old_build_id\"", set(p.meta, "old_build_id", json_string("0")));
	EXPECT_BAD("\"old_build_id\"", set(p.meta, "old_build_id", json_string("0G")));
	EXPECT_BAD("\"advisories\"", set(p.meta, "advisories", json_string("CVE-1")));
	EXPECT_BAD("\"counts\"", set(p.meta, "counts", json_object()));
	EXPECT_BAD("\"old_image_span\"", set(p.meta, "old_image_span", json_integer(-1)));
	EXPECT_BAD("\"conditions\"", set(p.meta, "conditions", json_pack("[{}]")));
	EXPECT_BAD("whole number", set(p.meta, "old_image_span", json_real(1.5)));
	EXPECT_BAD("control character", set(p.meta, "other", json_string("\x1b[2J")));
}
