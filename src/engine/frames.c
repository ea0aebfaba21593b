// SPDX-License-Identifier: Apache-2.0
#include "engine/frames.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "elf/image.h"
#include "live/quiet.h"
#include "live/trace.h"
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

static const struct sut_symbol *find_symbol(const struct sut_symbol *symbols, size_t n,
					    uint64_t vaddr)
{
	for (size_t i = 0; i < n; i++)
		if (symbols[i].type == STT_FUNC && symbols[i].section != SHN_UNDEF &&
		    vaddr >= symbols[i].vaddr && vaddr - symbols[i].vaddr < symbols[i].size)
			return &symbols[i];
	return NULL;
}

static json_t *new_frame(uint64_t pc, const char *module, const char *name, uint64_t offset)
{
	static const char format[] = "{s:I, s:s, s:s, s:I}";
	json_t *frame = json_pack(format, "address", (json_int_t)pc, "module", module, "name", name,
				  "offset", (json_int_t)offset);

	// A name that is no text tells nobody anything.
	return frame ? frame
		     : json_pack(format, "address", (json_int_t)pc, "module", "", "name", "",
				 "offset", (json_int_t)pc);
}

static json_t *describe_in_payload(const struct sut_trace *trace, uint64_t pc)
{
	for (size_t i = 0; i < trace->n_functions; i++) {
		const struct sut_trace_function *f = &trace->functions[i];
		if (pc >= f->target && pc - f->target < f->new_size)
			return new_frame(pc, trace->name, f->name, pc - f->target);
	}
	return new_frame(pc, trace->name, "", pc - trace->ro.start);
}

static json_t *describe_in_module(struct sut_snapshot *s, const struct sut_module *module,
				  uint64_t pc, struct open_file *f)
{
	const char *base = strrchr(module->path, '/');
	const struct sut_symbol *symbol = NULL;
	uint64_t vaddr = pc - module->base;

	base = base ? base + 1 : module->path;
	if (f->module != module)
		open_file(s, module, f);
	if (f->has_image)
		symbol = find_symbol(f->image.symbols, f->image.n_symbols, vaddr);
	if (f->has_image && !symbol)
		symbol = find_symbol(f->image.dynsyms, f->image.n_dynsyms, vaddr);
	if (symbol)
		return new_frame(pc, base, symbol->name, vaddr - symbol->vaddr);
	return new_frame(pc, base, "", vaddr);
}

static json_t *describe_frame(struct sut_snapshot *s, const struct sut_traces *traces, uint64_t pc,
			      struct open_file *f)
{
	const struct sut_module *module = sut_modules_at(&s->modules, pc);

	for (size_t i = 0; i < traces->n; i++)
		if (sut_span_has(traces->items[i].rx, pc))
			return describe_in_payload(&traces->items[i], pc);
	return module ? describe_in_module(s, module, pc, f) : new_frame(pc, "", "", pc);
}

// A thread that has ended meanwhile has no name any more.
static void read_thread_name(struct sut_process *process, pid_t tid, char ret[32])
{
	char path[48];

	snprintf(path, sizeof(path), "task/%d/comm", (int)tid);
	_cleanup_close_ int fd = openat(process->dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, ret, 31);
	ret[n > 0 ? n : 0] = 0;
	ret[strcspn(ret, "\n")] = 0;
	for (char *c = ret; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

struct sut_err *sut_blocker_describe(struct sut_snapshot *snapshot, const struct sut_traces *traces,
				     const struct sut_blocker *b, json_t **ret)
{
	struct open_file file = { 0 };
	json_t *frames = json_array();
	char thread[32];

	for (size_t i = 0; i < b->n_pcs; i++)
		json_array_append_new(frames, describe_frame(snapshot, traces, b->pcs[i], &file));
	close_file(&file);
	read_thread_name(&snapshot->process, b->tid, thread);
	*ret = json_pack("{s:i, s:s, s:s, s:b, s:b, s:I, s:o}", "tid", (int)b->tid, "thread",
			 thread, "function", b->function, "running", b->is_inside, "certain",
			 b->is_certain, "depth", (json_int_t)b->n_frames, "frames", frames);
	return *ret ? NULL : sut_err_nomem();
}

static struct sut_err *add_text(struct sut_buf *text, const char *piece)
{
	return sut_buf_add(text, piece, strlen(piece));
}

static void name_frame(const json_t *frame, char *ret, size_t size)
{
	const char *module = "", *name = "";
	json_int_t offset = 0;

	json_unpack((json_t *)frame, "{s:s, s:s, s:I}", "module", &module, "name", &name, "offset",
		    &offset);
	snprintf(ret, size, "%.255s%s0x%lx", *name ? name : module, *name || *module ? "+" : "",
		 (unsigned long)offset);
}

// A recursion is told once, with how often.
static struct sut_err *add_frames(const json_t *frames, struct sut_buf *text)
{
	char before[320] = "", name[320], times[32];
	struct sut_err *err = NULL;
	size_t i, n = 0;
	json_t *frame;

	json_array_foreach((json_t *)frames, i, frame)
	{
		name_frame(frame, name, sizeof(name));
		bool is_again = strcmp(name, before) == 0;
		n = is_again ? n + 1 : 1;
		strcpy(before, name);
		if (!is_again && i && !err)
			err = add_text(text, " < ");
		if (!is_again && !err)
			err = add_text(text, name);
		snprintf(times, sizeof(times), " (%zu times)", n);
		json_t *next = json_array_get(frames, i + 1);
		name_frame(next, name, sizeof(name));
		if (n > 1 && (!next || strcmp(name, before) != 0) && !err)
			err = add_text(text, times);
	}
	return err;
}

char *sut_frames_text(const json_t *description)
{
	_cleanup_(sut_buf_deinit) struct sut_buf text = { 0 };
	const json_t *frames = json_object_get(description, "frames");
	size_t depth = json_integer_value(json_object_get(description, "depth"));
	struct sut_err *err = add_frames(frames, &text);

	if (!err && depth > json_array_size(frames))
		err = add_text(&text, " < ...");
	if (!err)
		err = sut_buf_zeros(&text, 1);
	if (!err)
		return (char *)steal(text.data);
	sut_err_free(err);
	return NULL;
}
