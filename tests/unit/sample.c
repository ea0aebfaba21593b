// SPDX-License-Identifier: Apache-2.0
#include "sample.h"

#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// check_length: endbr64; lea message(%rip),%rdi; call puts; mov limit(%rip),%eax;
//               call old_helper; call added_helper; ret; int3
// added_helper: incl calls(%rip); mov optional(%rip),%rax; ret
static const uint8_t text[] = {
	0xf3, 0x0f, 0x1e, 0xfa,                   // 0
	0x48, 0x8d, 0x3d, 0x00, 0x00, 0x00, 0x00, // 4: message
	0xe8, 0x00, 0x00, 0x00, 0x00,             // 11: puts
	0x8b, 0x05, 0x00, 0x00, 0x00, 0x00,       // 16: limit
	0xe8, 0x00, 0x00, 0x00, 0x00,             // 22: old_helper
	0xe8, 0x00, 0x00, 0x00, 0x00,             // 27: added_helper
	0xc3, 0xcc,                               // 32
	0xff, 0x05, 0x00, 0x00, 0x00, 0x00,       // 34: calls
	0x48, 0x8b, 0x05, 0x00, 0x00, 0x00, 0x00, // 40: .got
	0xc3,                                     // 47
};
static const uint8_t rodata[] = "too long\0\0\0\0\0\0\0";
static const uint8_t data[24];

enum { TEXT, RODATA, TABLE, DATA, BSS };

static const struct sut_part parts[] = {
	{ ".text", SHF_ALLOC | SHF_EXECINSTR, sizeof(text), 16, (uint8_t *)text },
	{ ".rodata", SHF_ALLOC, sizeof(rodata), 8, (uint8_t *)rodata },
	{ ".data.rel.ro", SHF_ALLOC, sizeof(data), 8, (uint8_t *)data },
	{ ".data", SHF_ALLOC | SHF_WRITE, 8, 8, (uint8_t *)data },
	{ ".bss", SHF_ALLOC | SHF_WRITE, 64, 32, NULL },
};

static const struct sut_patch_symbol symbols[] = {
	{ "check_length", NULL, SUT_WHERE_PART, TEXT, 0, 33, STT_FUNC, false },
	{ "puts", "GLIBC_2.2.5", SUT_WHERE_IMPORT, 0, 0, 0, STT_FUNC, false },
	{ "added_helper", NULL, SUT_WHERE_PART, TEXT, 34, 14, STT_FUNC, false },
	{ "", NULL, SUT_WHERE_PART, RODATA, 0, 9, STT_OBJECT, false },
	{ "limit", NULL, SUT_WHERE_OLD, 0, 0x4010, 4, STT_OBJECT, false },
	{ "", NULL, SUT_WHERE_OLD, 0, 0x1139, 0, STT_FUNC, false },
	{ "limit", NULL, SUT_WHERE_OLD, 0, 0x4020, 4, STT_OBJECT, false },
	{ "optional", NULL, SUT_WHERE_IMPORT, 0, 0, 0, STT_NOTYPE, true },
	{ "calls", NULL, SUT_WHERE_PART, BSS, 8, 4, STT_OBJECT, false },
	{ "", NULL, SUT_WHERE_PART, TABLE, 0, 0, STT_NOTYPE, false },
};

static const struct sut_patch_reloc relocs[] = {
	{ TEXT, R_X86_64_PC32, 7, 3, -4 },   { TEXT, R_X86_64_PC32, 12, 1, -4 },
	{ TEXT, R_X86_64_PC32, 18, 4, -4 },  { TEXT, R_X86_64_PC32, 23, 5, -4 },
	{ TEXT, R_X86_64_PC32, 28, 2, -4 },  { TEXT, R_X86_64_PC32, 36, 8, -4 },
	{ TEXT, R_X86_64_PC32, 43, 9, -4 },  { TABLE, R_X86_64_64, 0, 7, 0 },
	{ TABLE, R_X86_64_PC64, 8, 6, 16 },  { TABLE, R_X86_64_32, 16, 4, 0 },
	{ TABLE, R_X86_64_32S, 20, 5, -1 },  { DATA, R_X86_64_64, 0, 0, 0 },
};

static const struct sut_patch_function functions[] = {
	{ "check_length", 0x1180, 44, 33, 0, 4 },
	{ "fn_1200", 0x1200, 5, 14, 2, 0 },
};

static const struct sut_patch_range ranges[] = {
	{ 0x1040, 12, 0, { { 1, 2, 3 } } },
	{ 0x1180, 32, 0, { { 4, 5, 6 } } },
	{ 0x1200, 5, 1, { { 7, 8, 9 } } },
};

static const char meta[] =
	"{\"name\": \"server-1a2b3c4d-5e6f7081\", \"file\": \"usr/sbin/server\","
	"\"old_build_id\": \"1a2b3c4d00112233445566778899aabbccddeeff\","
	"\"new_build_id\": \"5e6f708100112233445566778899aabbccddeeff\","
	"\"old_image_span\": 20480, \"package\": \"server\", \"old_version\": \"1.0-1\","
	"\"new_version\": \"1.0-2\", \"architecture\": \"amd64\","
	"\"advisories\": [\"CVE-2026-0001\", \"DSA-1-1\"], \"verdict\": \"review\","
	"\"conditions\": [{\"code\": \"layout-size\", \"function\": \"check_length\","
	"\"detail\": \"an allocation grows from 40 to 48 bytes\","
	"\"accepted\": \"no such object outlives the call\"},"
	"{\"code\": \"startup\", \"function\": \"\", \"detail\": \"lists are made at start\","
	"\"accepted\": \"\"}], \"after\": [\"reload\"],"
	"\"counts\": {\"total\": 12, \"identical\": 9, \"changed\": 2, \"added\": 1,"
	"\"cosmetic\": 0}, \"added\": [{\"name\": \"added_helper\", \"size\": 14}],"
	"\"cosmetic\": [\"log_line\"], \"entry_only_safe\": false, \"builder\": \"0.1.0\"}";

static struct sut_err *copy_parts(struct sut_patch *patch)
{
	for (size_t i = 0; i < COUNT(parts); i++) {
		struct sut_part *part = &patch->parts[patch->n_parts++];
		*part = parts[i];
		part->name = strdup(parts[i].name);
		if (parts[i].bytes) {
			part->bytes = malloc(part->size);
			if (part->bytes)
				memcpy(part->bytes, parts[i].bytes, part->size);
		}
		if (!part->name || !part->bytes != !parts[i].bytes)
			return sut_err_nomem();
	}
	return NULL;
}

static struct sut_err *copy_names(struct sut_patch *patch)
{
	for (size_t i = 0; i < COUNT(symbols); i++) {
		struct sut_patch_symbol *symbol = &patch->symbols[patch->n_symbols++];
		*symbol = symbols[i];
		symbol->name = strdup(symbols[i].name);
		symbol->version = symbol->version ? strdup(symbol->version) : NULL;
		if (!symbol->name || !symbol->version != !symbols[i].version)
			return sut_err_nomem();
	}
	for (size_t i = 0; i < COUNT(functions); i++) {
		struct sut_patch_function *f = &patch->functions[patch->n_functions++];
		*f = functions[i];
		f->name = strdup(functions[i].name);
		if (!f->name)
			return sut_err_nomem();
	}
	return NULL;
}

struct sut_err *sut_sample_patch(struct sut_patch *ret)
{
	_cleanup_(sut_patch_deinit) struct sut_patch patch = {
		.parts = calloc(1, sizeof(parts)),
		.symbols = calloc(1, sizeof(symbols)),
		.relocs = malloc(sizeof(relocs)),
		.functions = calloc(1, sizeof(functions)),
		.ranges = malloc(sizeof(ranges)),
		.meta = json_loads(meta, JSON_REJECT_DUPLICATES, NULL),
	};

	if (!patch.parts || !patch.symbols || !patch.relocs || !patch.functions ||
	    !patch.ranges || !patch.meta)
		return sut_err_nomem();
	memcpy(patch.relocs, relocs, sizeof(relocs));
	patch.n_relocs = COUNT(relocs);
	memcpy(patch.ranges, ranges, sizeof(ranges));
	patch.n_ranges = COUNT(ranges);
	struct sut_err *err = copy_parts(&patch);
	if (!err)
		err = copy_names(&patch);
	if (err)
		return err;
	*ret = patch;
	patch = (struct sut_patch){ 0 };
	return NULL;
}
