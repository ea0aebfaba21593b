// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "elf/parse.h"

/** Pointer encodings: LSB 5.0 core, table 10-5 and 10-6. */
enum {
	PE_ABSPTR = 0x00,
	PE_UDATA2 = 0x02,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SDATA2 = 0x0a,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_PCREL = 0x10,
	PE_DATAREL = 0x30,
	PE_INDIRECT = 0x80,
	PE_OMIT = 0xff,
};

/** Reads forward through bytes; a read past the end makes it fail for good. */
struct cursor {
	struct sut_view bytes;
	uint64_t vaddr;	  /**< Address of bytes' first byte. */
	uint64_t datarel; /**< What PE_DATAREL adds. */
	size_t off, end;  /**< Next byte; one past the last that may be read. */
	bool has_failed;
};

/** A CIE, as far as its FDEs need it. */
struct cie {
	uint32_t off, size;
	uint32_t personality_field;
	uint64_t personality;
	uint8_t fde_encoding, lsda_encoding, personality_encoding;
	bool has_augmentation_size;
};

/** The walk over .eh_frame. */
struct walk {
	struct cursor in;
	struct cie *cies; /**< In the order of their offsets. */
	size_t n_cies, cies_capacity;
	struct sut_fde *fdes;
	size_t n_fdes, fdes_capacity;
	/** FDEs to come: what bounds .eh_frame without section table. */
	uint64_t n_left;
};

static void walk_deinit(struct walk *w)
{
	free(w->cies);
	free(w->fdes);
}

static uint64_t read_bytes(struct cursor *in, size_t size)
{
	uint64_t value = 0;

	if (in->has_failed || in->end - in->off < size) {
		in->has_failed = true;
		return 0;
	}
	memcpy(&value, in->bytes.data + in->off, size); // both little-endian
	in->off += size;
	return value;
}

/** A LEB128; its sign is of no interest to us. */
static uint64_t read_leb(struct cursor *in)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint64_t byte = read_bytes(in, 1);

		value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
	in->has_failed = true;
	return 0;
}

static uint64_t read_format(struct cursor *in, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		return read_bytes(in, 8);
	case PE_UDATA4:
		return read_bytes(in, 4);
	case PE_SDATA4:
		return (uint64_t)(int32_t)read_bytes(in, 4);
	case PE_UDATA2:
		return read_bytes(in, 2);
	case PE_SDATA2:
		return (uint64_t)(int16_t)read_bytes(in, 2);
	default:
		in->has_failed = true;
		return 0;
	}
}

/** An encoded pointer; 0 stays 0, whatever it is relative to. */
static uint64_t read_pointer(struct cursor *in, uint8_t encoding)
{
	uint64_t at = in->vaddr + in->off;
	uint64_t value = read_format(in, encoding);

	if (value == 0)
		return 0;
	switch (encoding & 0x70) {
	case 0:
		return value;
	case PE_PCREL:
		return at + value;
	case PE_DATAREL:
		return in->datarel + value;
	default:
		in->has_failed = true;
		return 0;
	}
}

static struct sut_err *cut_off(size_t off)
{
	return sut_err(SUT_E_FORMAT, "record at %#zx is malformed", off);
}

/** Read what the letters of @p letters announce. */
static void read_augmentation(struct cursor *in, const char *letters,
			      struct cie *cie)
{
	for (; *letters; letters++) {
		switch (*letters) {
		case 'z':
			cie->has_augmentation_size = true;
			read_leb(in);
			break;
		case 'R':
			cie->fde_encoding = read_bytes(in, 1);
			break;
		case 'L':
			cie->lsda_encoding = read_bytes(in, 1);
			break;
		case 'P':
			cie->personality_encoding = read_bytes(in, 1);
			cie->personality_field = in->off;
			cie->personality = read_pointer(
				in, cie->personality_encoding & ~PE_INDIRECT);
			break;
		case 'S': // a signal frame: nothing follows
		case 'B': // pointer authentication: likewise
			break;
		default:
			in->has_failed = true;
		}
	}
}

static struct sut_err *read_cie(struct walk *w, size_t off)
{
	struct cursor *in = &w->in;
	struct cie cie = {
		.off = off,
		.size = in->end - off,
		.fde_encoding = PE_ABSPTR,
		.lsda_encoding = PE_OMIT,
		.personality_encoding = PE_OMIT,
	};
	struct sut_view body = { in->bytes.data, in->end };
	uint8_t version = read_bytes(in, 1);
	const char *letters = sut_view_string(body, in->off);

	// GCC and LLVM write version 1; 3 has a wider return column.
	if (in->has_failed || !letters || (version != 1 && version != 3))
		return cut_off(off);
	// Only with 'z' first can a reader know where the data ends.
	if (*letters && *letters != 'z')
		return cut_off(off);
	in->off += strlen(letters) + 1;
	read_leb(in); // code alignment
	read_leb(in); // data alignment
	if (version == 1)
		read_bytes(in, 1);
	else
		read_leb(in);
	read_augmentation(in, letters, &cie);
	if (in->has_failed)
		return cut_off(off);

	struct sut_err *err = sut_array_grow(&w->cies, w->n_cies,
					     &w->cies_capacity, sizeof(cie));
	if (err)
		return err;
	w->cies[w->n_cies++] = cie;
	return NULL;
}

static const struct cie *find_cie(const struct walk *w, size_t off)
{
	size_t from = 0, to = w->n_cies;

	// Linkers put a CIE right before its first FDE.
	if (to && w->cies[to - 1].off == off)
		return &w->cies[to - 1];
	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (w->cies[middle].off == off)
			return &w->cies[middle];
		if (w->cies[middle].off < off)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static struct sut_err *add_fde(struct walk *w, const struct sut_image *image,
			       const struct sut_fde *fde)
{
	const struct sut_segment *s;

	if (fde->start == fde->end)
		return NULL;
	s = sut_image_segment_at(image, fde->start);
	if (!s || fde->end - fde->start > s->mem_size - (fde->start - s->vaddr))
		return sut_err(SUT_E_FORMAT,
			       "record at %#x covers code outside the segments",
			       fde->off);
	struct sut_err *err = sut_array_grow(&w->fdes, w->n_fdes,
					     &w->fdes_capacity, sizeof(*fde));
	if (err)
		return err;
	w->fdes[w->n_fdes++] = *fde;
	return NULL;
}

static struct sut_err *read_fde(struct walk *w, const struct sut_image *image,
				size_t off, size_t cie_off)
{
	struct cursor *in = &w->in;
	const struct cie *cie = find_cie(w, cie_off);

	if (!cie)
		return sut_err(SUT_E_FORMAT, "record at %#zx names no CIE", off);
	struct sut_fde fde = {
		.off = off,
		.size = in->end - off,
		.personality = cie->personality,
		.is_personality_indirect = cie->personality_encoding != PE_OMIT &&
					   cie->personality_encoding & PE_INDIRECT,
		.cie_off = cie->off,
		.cie_size = cie->size,
		.personality_field = cie->personality_field,
		.pointer_encoding = cie->fde_encoding,
		.lsda_encoding = cie->lsda_encoding,
		.personality_encoding = cie->personality_encoding,
	};

	fde.start = read_pointer(in, cie->fde_encoding);
	fde.end = fde.start + read_format(in, cie->fde_encoding);
	if (cie->has_augmentation_size)
		read_leb(in);
	if (cie->lsda_encoding != PE_OMIT) {
		size_t field = in->off;

		fde.lsda = read_pointer(in, cie->lsda_encoding);
		fde.lsda_field = fde.lsda ? field : 0;
	}
	if (in->has_failed || fde.end < fde.start)
		return cut_off(off);
	if (w->n_left)
		w->n_left--;
	return add_fde(w, image, &fde);
}

/** Read the record at the cursor, and move the cursor behind it. */
static struct sut_err *read_record(struct walk *w, const struct sut_image *image)
{
	struct cursor *in = &w->in;
	struct sut_err *err;
	size_t off = in->off;
	uint64_t size = read_bytes(in, 4);

	if (size == 0 && !in->has_failed)
		return NULL; // a terminator; crt files leave some in the middle
	if (size == UINT32_MAX)
		size = read_bytes(in, 8);
	if (in->has_failed || size < 4 || size > in->end - in->off)
		return cut_off(off);

	size_t id_off = in->off;
	size_t end = in->end;
	in->end = in->off + size;
	// LSB: the id stays 4 bytes long after an extended length, too; it is 0
	// for a CIE, else the distance back to the FDE's CIE.
	uint64_t id = read_bytes(in, 4);
	if (id == 0)
		err = read_cie(w, off);
	else
		err = read_fde(w, image, off, id_off - id);
	in->off = in->end;
	in->end = end;
	return err;
}

static int by_start(const void *a, const void *b)
{
	const struct sut_fde *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1; // longest first: it is kept
	return x->off < y->off ? -1 : x->off > y->off;
}

static void sort_fdes(struct walk *w)
{
	size_t kept = 0;

	if (w->n_fdes)
		qsort(w->fdes, w->n_fdes, sizeof(*w->fdes), by_start);
	for (size_t i = 0; i < w->n_fdes; i++)
		if (kept == 0 || w->fdes[kept - 1].start != w->fdes[i].start)
			w->fdes[kept++] = w->fdes[i];
	w->n_fdes = kept;
}

/** Find .eh_frame through PT_GNU_EH_FRAME (LSB 5.0 core, 10.6.2). It says where
 *  .eh_frame begins and how many FDEs it has, not where it ends. */
static struct sut_err *find_by_header(struct sut_image *image,
				      uint64_t *n_fdes_ret)
{
	const struct sut_segment *h = NULL, *s;
	struct cursor in = { 0 };

	for (size_t i = 0; i < image->n_segments; i++)
		if (image->segments[i].type == PT_GNU_EH_FRAME)
			h = &image->segments[i];
	if (!h || h->file_size == 0)
		return NULL;
	if (!sut_image_bytes(image, h->vaddr, h->file_size, &in.bytes))
		return sut_err(SUT_E_FORMAT, "its header lies outside the file");
	in.vaddr = in.datarel = h->vaddr;
	in.end = in.bytes.size;

	uint32_t head = read_bytes(&in, 4);
	uint64_t start = read_pointer(&in, head >> 8);
	uint64_t n_fdes = 0;
	if ((head >> 16 & 0xff) != PE_OMIT)
		n_fdes = read_pointer(&in, head >> 16);
	s = sut_image_segment_at(image, start);
	if (in.has_failed || (head & 0xff) != 1 || !s ||
	    !sut_image_bytes(image, start, 0, &image->eh_frame) ||
	    !sut_image_bytes(image, start, s->file_size - (start - s->vaddr),
			     &image->eh_frame))
		return sut_err(SUT_E_FORMAT, "its header is malformed");
	image->eh_frame_vaddr = start;
	*n_fdes_ret = n_fdes;
	return NULL;
}

/** Without a section table nothing but the header's count tells the end. */
static bool is_done(const struct walk *w, bool is_counted)
{
	return is_counted ? w->n_left == 0 : w->in.off == w->in.end;
}

static struct sut_err *walk_records(struct walk *w, const struct sut_image *image,
				    bool is_counted)
{
	while (!is_done(w, is_counted)) {
		struct sut_err *err = read_record(w, image);

		if (err)
			return err;
	}
	return NULL;
}

struct sut_err *sut_image_read_fdes(struct sut_image *image)
{
	const struct sut_section *s = sut_image_section(image, ".eh_frame");
	_cleanup_(walk_deinit) struct walk w = { 0 };
	struct sut_err *err;

	if (s && s->flags & SHF_ALLOC) {
		image->eh_frame = s->data;
		image->eh_frame_vaddr = s->vaddr;
	} else {
		err = find_by_header(image, &w.n_left);
		if (err)
			return err;
		if (w.n_left == 0)
			image->eh_frame = (struct sut_view){ 0 };
	}
	if (image->eh_frame.size > UINT32_MAX)
		return sut_err(SUT_E_FORMAT, "larger than 4 GiB");

	w.in = (struct cursor){
		.bytes = image->eh_frame,
		.vaddr = image->eh_frame_vaddr,
		.datarel = image->got_plt,
		.end = image->eh_frame.size,
	};
	bool is_counted = w.n_left != 0;
	err = walk_records(&w, image, is_counted);
	if (err)
		return err;
	if (is_counted)
		image->eh_frame.size = w.in.off;
	sort_fdes(&w);
	image->fdes = steal(w.fdes);
	image->n_fdes = w.n_fdes;
	return NULL;
}
