// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A tiny library, put together by hand, so that a test can break one field and
 * say what must come of it. Everything up to `dynamic` is mapped read-execute,
 * the rest up to `names` read-write, each at its own file offset.
 */

#include <elf.h>

#include "base/view.h"

enum { TINY_TEXT, TINY_DATA, TINY_DYNAMIC, TINY_NOTE, TINY_TLS, TINY_RELRO, TINY_SEGMENTS };

/** Indices in tiny.sections. */
enum { TINY_NULL, TINY_DYNSYM, TINY_EH_FRAME, TINY_TBSS, TINY_BSS, TINY_NAMES, TINY_SECTIONS };

struct tiny {
	Elf64_Ehdr header;
	Elf64_Phdr segments[TINY_SEGMENTS];
	struct {
		Elf64_Nhdr head;
		char name[4];
		uint8_t id[8];
	} note;
	/** null; put@NEED_1 (import); get@@DEF_2; old@DEF_1. */
	Elf64_Sym symbols[4];
	uint16_t versions[4];
	struct {
		Elf64_Verneed need;
		Elf64_Vernaux aux;
	} verneed;
	struct {
		Elf64_Verdef def;
		Elf64_Verdaux aux;
	} verdef[3];
	char strings[64];
	Elf64_Rela rela[1];
	Elf64_Rela jmprel[1];
	uint64_t relr[2];
	uint32_t hash[8];
	uint8_t code[64];
	struct __attribute__((packed)) {
		struct __attribute__((packed)) {
			uint32_t size, id;
			uint8_t version;
			char letters[5];
			uint8_t code_align, data_align, column, data_size;
			uint8_t personality_encoding;
			int32_t personality;
			uint8_t lsda_encoding, fde_encoding;
			uint8_t program[3];
		} cie;
		struct __attribute__((packed)) {
			uint32_t size, cie;
			int32_t start;
			uint32_t range;
			uint8_t data_size;
			int32_t lsda;
			uint8_t program[3];
		} fde[2];
		uint32_t end;
	} eh_frame;
	Elf64_Dyn dynamic[28];
	uint64_t words[8];
	char names[64];
	Elf64_Shdr sections[TINY_SECTIONS];
};

/** The library, unbroken. */
struct tiny tiny_elf(void);

/** Its bytes. Borrowed. */
struct sut_view tiny_view(const struct tiny *tiny);

/** The entry of the dynamic table that has @p tag; there is one. */
Elf64_Dyn *tiny_dynamic(struct tiny *tiny, int64_t tag);
