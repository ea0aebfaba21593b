// SPDX-License-Identifier: Apache-2.0
#include "engine/frames.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "elf/image.h"
#include "process/snapshot.h"

/** The file of the last frame: neighbours are often in the same one. */
struct open_file {
	const struct sut_module *module; /**< NULL: none. */
	struct sut_file file;
	struct sut_image image;
	bool has_image;
};

static void close_file(struct open_file *f)
{
	if (f->has_image)
		sut_image_deinit(&f->image);
	sut_file_deinit(&f->file);
	*f = (struct open_file){ 0 };
}

// The very file that is mapped, also when it was deleted or is in a container.
// Without permission, or for a file that is no ELF file, there are no names.
static void open_file(struct sut_snapshot *s, const struct sut_module *module, struct open_file *f)
{
	const struct sut_mapping *m = sut_maps_at(&s->maps, module->span.start);
	char path[64];

	close_file(f);
	f->module = module;
	if (!m || !m->inode)
		return;
	snprintf(path, sizeof(path), "map_files/%lx-%lx", (unsigned long)m->span.start,
		 (unsigned long)m->span.end);
	_cleanup_close_ int fd = openat(s->process.dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	struct sut_err *err = sut_file_read_fd(fd, module->path, &f->file);
	if (!err)
		err = sut_image_init(f->file.view, &f->image);
	f->has_image = !err;
	sut_err_free(err);
}

static const char *find_name(const struct sut_symbol *symbols, size_t n, uint64_t vaddr)
{
	for (size_t i = 0; i < n; i++)
		if (symbols[i].type == STT_FUNC && symbols[i].section != SHN_UNDEF &&
		    vaddr >= symbols[i].vaddr && vaddr - symbols[i].vaddr < symbols[i].size)
			return symbols[i].name;
	return NULL;
}

static struct sut_err *add_text(struct sut_buf *text, const char *piece)
{
	return sut_buf_add(text, piece, strlen(piece));
}

static struct sut_err *add_frame(struct sut_snapshot *s, uint64_t pc, struct open_file *f,
				 struct sut_buf *text)
{
	const struct sut_module *module = sut_modules_at(&s->modules, pc);
	const char *name = NULL;
	char place[320];

	if (!module) {
		snprintf(place, sizeof(place), "0x%lx", (unsigned long)pc);
		return add_text(text, place);
	}
	if (f->module != module)
		open_file(s, module, f);
	uint64_t vaddr = pc - module->base;
	if (f->has_image)
		name = find_name(f->image.symbols, f->image.n_symbols, vaddr);
	if (f->has_image && !name)
		name = find_name(f->image.dynsyms, f->image.n_dynsyms, vaddr);
	if (name)
		return add_text(text, name);
	const char *base = strrchr(module->path, '/');
	snprintf(place, sizeof(place), "%.255s+0x%lx", base ? base + 1 : module->path,
		 (unsigned long)vaddr);
	return add_text(text, place);
}

struct sut_err *sut_frames_describe(struct sut_snapshot *snapshot, const uint64_t *pcs, size_t n,
				    char **ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
	struct open_file file = { 0 };
	struct sut_err *err = NULL;

	for (size_t i = 0; i < n && !err; i++) {
		if (i)
			err = add_text(&text, " < ");
		if (!err)
			err = add_frame(snapshot, pcs[i], &file, &text);
	}
	close_file(&file);
	if (!err)
		err = sut_buf_zeros(&text, 1);
	if (!err)
		*ret = (char *)steal(text.data);
	return err;
}
