// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * ELF images
 *
 * Reads one linked x86-64 ELF file (executable or shared library) into a model
 * that the rest of the engine can trust: every section index, string offset,
 * symbol index and size has been checked once, here, and later code uses them
 * without checking again. Nothing is copied out of the file but tables.
 *
 *     file bytes ──parse──> sut_image ──> segments, sections, dynamic symbols,
 *                                         dynamic relocations, FDEs
 *
 * Facts come from the gABI and the x86-64 psABI; RELR from the gABI draft of
 * 2018; .eh_frame from LSB 5.0, chapter 10.6.
 */

#include "base/err.h"
#include "base/view.h"

/** A program header. */
struct sut_segment {
	uint32_t type;  /**< PT_*. */
	uint32_t flags; /**< PF_*. */
	uint64_t off;   /**< File offset. */
	uint64_t vaddr; /**< Link-time address. */
	uint64_t file_size;
	uint64_t mem_size; /**< At least file_size. */
	uint64_t align;    /**< 0, 1 or a power of two. */
};

/** A section. All fields are borrowed from the image's file. */
struct sut_section {
	const char *name; /**< NUL-terminated, "" when it has none. */
	uint32_t type;    /**< SHT_*. */
	uint32_t link, info;
	uint64_t flags; /**< SHF_*. */
	uint64_t vaddr; /**< Link-time address, 0 when not allocated. */
	uint64_t size;  /**< In memory; equals data.size unless SHT_NOBITS. */
	uint64_t align, entry_size;
	struct sut_view data; /**< Empty for SHT_NOBITS. */
};

/** A symbol of .dynsym or .symtab. */
struct sut_symbol {
	const char *name;    /**< "" when it has none. Borrowed. */
	const char *version; /**< Symbol version, e.g. "GLIBC_2.34"; NULL when
				  it has none. Borrowed. */
	bool is_default_version; /**< name@@version; false for name@version. */
	uint64_t vaddr;          /**< st_value. */
	uint64_t size;           /**< st_size, bytes. */
	uint8_t type;            /**< STT_*. */
	uint8_t bind;            /**< STB_*. */
	uint8_t visibility;      /**< STV_*. */
	uint16_t section;        /**< SHN_* or section index (inside sections, unless
				  that table was stripped); SHN_UNDEF: import. */
};

/** A dynamic relocation, of .rela.dyn, .rela.plt or RELR. */
struct sut_reloc {
	uint64_t vaddr;  /**< The place. */
	uint32_t type;   /**< R_X86_64_*. RELR entries say R_X86_64_RELATIVE. */
	uint32_t symbol; /**< Index into sut_image::dynsyms; 0: none. */
	int64_t addend;  /**< For RELR: the word that stands at the place. */
};

/** A frame description entry: one code fragment that the compiler emitted. */
struct sut_fde {
	uint64_t start, end; /**< Link-time addresses of the code, end exclusive. */
	uint64_t lsda;       /**< Address of the exception table, 0: none. */
	uint64_t personality; /**< Address of the CIE's personality pointer's value
				as encoded: when is_personality_indirect, the address of
				the slot that holds it; 0: none. */
	bool is_personality_indirect;
	uint32_t lsda_field;  /**< Offset in .eh_frame of the FDE's LSDA pointer. */
	uint32_t off, size;   /**< The FDE in .eh_frame's bytes, with its length
				field. */
	uint32_t cie_off, cie_size; /**< Its CIE, likewise. */
	uint32_t personality_field; /**< Offset in .eh_frame of the CIE's
				personality pointer; 0: none. */
	uint8_t pointer_encoding; /**< DW_EH_PE_* of start. */
	uint8_t lsda_encoding, personality_encoding; /**< DW_EH_PE_omit: none. */
};

/**
 * An ELF file.
 *
 * Owns its tables; borrows the file's bytes, which must outlive it.
 */
struct sut_image {
	struct sut_view file;
	uint16_t type;  /**< ET_EXEC or ET_DYN. */
	uint64_t entry; /**< Link-time address of the first instruction, or 0. */
	bool is_static;  /**< No PT_DYNAMIC with DT_NEEDED and no PT_INTERP. */
	bool has_text_relocs; /**< DT_TEXTREL or a relocation into a segment that
				is not writable. */
	bool is_bind_now; /**< DF_BIND_NOW, DF_1_NOW or DT_BIND_NOW. */

	struct sut_segment *segments;
	size_t n_segments;
	/** In the file's order; entry 0 is the null section. May be empty when the
	 *  section table was stripped. */
	struct sut_section *sections;
	size_t n_sections;
	/** .dynsym in its order; entry 0 is the null symbol. */
	struct sut_symbol *dynsyms;
	size_t n_dynsyms;
	/** .symtab in its order, with versions NULL; empty when stripped. */
	struct sut_symbol *symbols;
	size_t n_symbols;
	/** Sorted by place, R_X86_64_NONE left out. A static executable without
	 *  section table has none: nothing in the file tells where they are. */
	struct sut_reloc *relocs;
	size_t n_relocs;
	/** Sorted by start, empty ranges left out, no two start alike (of those
	 *  the longest is kept). */
	struct sut_fde *fdes;
	size_t n_fdes;

	struct sut_view eh_frame;  /**< .eh_frame's bytes. */
	uint64_t eh_frame_vaddr;   /**< Where they are mapped. */
	struct sut_view build_id;  /**< NT_GNU_BUILD_ID; size 0: none. */
	const char *soname;        /**< DT_SONAME or NULL. */
	const char **needed;       /**< DT_NEEDED, in order. */
	size_t n_needed;
	uint64_t relro_start, relro_end; /**< PT_GNU_RELRO; both 0: none. */
	uint64_t tls_vaddr, tls_file_size, tls_mem_size, tls_align; /**< PT_TLS;
						tls_mem_size 0: none. */
	uint64_t init, fini;  /**< DT_INIT, DT_FINI; 0: none. */
	uint64_t init_array, init_array_size; /**< DT_INIT_ARRAY, bytes. */
	uint64_t fini_array, fini_array_size; /**< DT_FINI_ARRAY, bytes. */
	uint64_t got_plt;     /**< DT_PLTGOT; 0: none. */
	uint64_t low, high;   /**< Link-time span of all PT_LOAD, high exclusive. */

	/** Private to the lookups: the PT_LOAD segments, and the allocated
	 *  sections that hold addresses, each sorted by vaddr. */
	const struct sut_segment **loads;
	size_t n_loads;
	const struct sut_section **by_vaddr;
	size_t n_by_vaddr;
};

/** Parse @p file. Only 64-bit little-endian x86-64 ET_EXEC and ET_DYN files are
 *  taken; others are SUT_E_UNSUPPORTED, malformed ones SUT_E_FORMAT. On failure
 *  @p ret is untouched and owns nothing. */
sut_check struct sut_err *sut_image_init(struct sut_view file,
					 struct sut_image *ret);
void sut_image_deinit(struct sut_image *image);

/** Does @p file begin like any ELF file (magic only)? */
bool sut_image_is_elf(struct sut_view file);

/** Find a section by name, or NULL. Borrowed from @p image. */
const struct sut_section *sut_image_section(const struct sut_image *image,
					    const char *name);

/** Find the allocated section that holds @p vaddr, or NULL. .tbss holds no
 *  addresses. */
const struct sut_section *sut_image_section_at(const struct sut_image *image,
					       uint64_t vaddr);

/** Find the PT_LOAD segment whose memory holds @p vaddr, or NULL. */
const struct sut_segment *sut_image_segment_at(const struct sut_image *image,
					       uint64_t vaddr);

/** Find @p size bytes at link-time address @p vaddr as they stand in the file;
 *  false when the file does not hold all of them (.bss, outside). */
bool sut_image_bytes(const struct sut_image *image, uint64_t vaddr,
		     uint64_t size, struct sut_view *ret);

/** Find the relocation whose place is exactly @p vaddr, or NULL. */
const struct sut_reloc *sut_image_reloc_at(const struct sut_image *image,
					   uint64_t vaddr);

/** Find the index of the first relocation whose place is at or after @p vaddr;
 *  n_relocs when there is none. */
size_t sut_image_reloc_from(const struct sut_image *image, uint64_t vaddr);

/** Find the FDE that covers @p vaddr, or NULL. */
const struct sut_fde *sut_image_fde_at(const struct sut_image *image,
				       uint64_t vaddr);
