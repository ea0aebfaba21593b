// SPDX-License-Identifier: Apache-2.0
#include "live/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "process/maps.h"
#include "process/process.h"

static const char magic[16] = "suture trace\n\x7f\x01";

enum {
	VERSION = 1,
	MAX_SIZE = 16 << 20,
	MAX_ITEMS = 65536,
};

/** Flags in the word of the state. */
enum { STATE_MASK = 0xff, FLAG_ENTRY_ONLY = 0x100, FLAG_LOST = 0x200 };

/** The head, at the start of the read-only mapping. All numbers little-endian;
 *  offsets count from the head. */
struct head {
	char magic[16];
	uint32_t version;
	uint32_t size;  /**< Of the whole trace: head, tables and names. */
	uint32_t state; /**< enum sut_trace_state, and flags. */
	uint32_t n_functions, n_parts;
	uint32_t name, advisories; /**< Offsets of strings. */
	uint32_t build_id_size;
	uint8_t digest[SUT_SHA256_SIZE];
	uint8_t build_id[SUT_MAX_BUILD_ID];
	uint64_t base;
	struct sut_span module, ro, rx, rw;
	uint64_t time;
	char label[80]; /**< "suture:NAME": what the kernel is told to show in maps. */
	uint8_t seal[SUT_SHA256_SIZE]; /**< Digest of the trace with state and seal 0. */
};

/** An entry of the function table, which follows the head. */
struct function_entry {
	uint64_t entry, at, target, old_size, new_size;
	uint32_t name;
	uint8_t before[SUT_REDIRECT_SIZE], after[SUT_REDIRECT_SIZE];
	uint8_t padding[2];
};

/** An entry of the part table, which follows the functions. */
struct part_entry {
	uint64_t at, size;
	uint32_t name;
	uint8_t is_writable, is_executable, padding[2];
	uint8_t digest[SUT_SHA256_SIZE];
};

_Static_assert(sizeof(struct function_entry) == 56 && sizeof(struct part_entry) == 56,
	       "the format has no hidden padding");

void sut_trace_deinit(struct sut_trace *trace)
{
	for (size_t i = 0; i < trace->n_functions; i++)
		free(trace->functions[i].name);
	for (size_t i = 0; i < trace->n_parts; i++)
		free(trace->parts[i].name);
	free(trace->functions);
	free(trace->parts);
	free(trace->name);
	free(trace->advisories);
	*trace = (struct sut_trace){ 0 };
}

static uint32_t state_word(const struct sut_trace *trace, enum sut_trace_state state)
{
	return state | (trace->is_entry_only ? FLAG_ENTRY_ONLY : 0) |
	       (trace->is_lost ? FLAG_LOST : 0);
}

static size_t tables_size(size_t n_functions, size_t n_parts)
{
	return sizeof(struct head) + n_functions * sizeof(struct function_entry) +
	       n_parts * sizeof(struct part_entry);
}

size_t sut_trace_size(const struct sut_trace *trace)
{
	size_t size = tables_size(trace->n_functions, trace->n_parts);

	size += strlen(trace->name) + 1 + strlen(trace->advisories) + 1;
	for (size_t i = 0; i < trace->n_functions; i++)
		size += strlen(trace->functions[i].name) + 1;
	for (size_t i = 0; i < trace->n_parts; i++)
		size += strlen(trace->parts[i].name) + 1;
	return (size + 63) & ~(size_t)63;
}

// Strings are added one after another behind the tables.
static uint32_t put_string(uint8_t *bytes, size_t *end, const char *text)
{
	size_t off = *end, size = strlen(text) + 1;

	memcpy(bytes + off, text, size);
	*end += size;
	return off;
}

static void put_functions(const struct sut_trace *trace, uint8_t *bytes, size_t *end)
{
	uint8_t *at = bytes + sizeof(struct head);

	for (size_t i = 0; i < trace->n_functions; i++) {
		const struct sut_trace_function *f = &trace->functions[i];
		struct function_entry entry = {
			.entry = f->entry,
			.at = f->at,
			.target = f->target,
			.old_size = f->old_size,
			.new_size = f->new_size,
			.name = put_string(bytes, end, f->name),
		};
		memcpy(entry.before, f->before, sizeof(entry.before));
		memcpy(entry.after, f->after, sizeof(entry.after));
		memcpy(at + i * sizeof(entry), &entry, sizeof(entry));
	}
}

static void put_parts(const struct sut_trace *trace, uint8_t *bytes, size_t *end)
{
	uint8_t *at = bytes + tables_size(trace->n_functions, 0);

	for (size_t i = 0; i < trace->n_parts; i++) {
		const struct sut_trace_part *p = &trace->parts[i];
		struct part_entry entry = {
			.at = p->at,
			.size = p->size,
			.name = put_string(bytes, end, p->name),
			.is_writable = p->is_writable,
			.is_executable = p->is_executable,
		};
		memcpy(entry.digest, p->digest.bytes, sizeof(entry.digest));
		memcpy(at + i * sizeof(entry), &entry, sizeof(entry));
	}
}

static struct sut_err *damaged(const char *what)
{
	return sut_err(SUT_E_FORMAT, "damaged trace: %s", what);
}

// The state changes while the trace stands; the seal cannot cover itself.
static struct sut_err *seal(struct sut_view bytes, struct sut_sha256 *ret)
{
	_cleanup_free_ uint8_t *copy = malloc(bytes.size);
	struct head head;

	if (!copy)
		return sut_err_nomem();
	memcpy(copy, bytes.data, bytes.size);
	memcpy(&head, copy, sizeof(head));
	head.state = 0;
	memset(head.seal, 0, sizeof(head.seal));
	memcpy(copy, &head, sizeof(head));
	return sut_sha256((struct sut_view){ copy, bytes.size }, ret);
}

struct sut_err *sut_trace_seal(uint8_t *bytes, size_t size)
{
	struct sut_sha256 digest;
	struct head head;

	if (size < sizeof(head))
		return damaged("it is cut off");
	memcpy(&head, bytes, sizeof(head));
	if (head.size < sizeof(head) || head.size > size)
		return damaged("a size is wrong");
	struct sut_err *err = seal((struct sut_view){ bytes, head.size }, &digest);
	if (!err)
		memcpy(bytes + offsetof(struct head, seal), digest.bytes, sizeof(digest.bytes));
	return err;
}

// The kernel takes plain characters but these (mm/madvise.c, is_valid_name_char).
static void set_label(const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "suture:%s", name);
	for (char *c = ret; *c; c++)
		if (strchr("[]\\$`", *c) || *c < ' ' || *c > '~')
			*c = '_';
}

struct sut_addr sut_trace_label_at(const struct sut_trace *trace)
{
	return (struct sut_addr){ trace->ro.start + offsetof(struct head, label) };
}

struct sut_err *sut_trace_write(const struct sut_trace *trace, struct sut_buf *ret)
{
	size_t size = sut_trace_size(trace);
	struct sut_err *err = sut_buf_zeros(ret, size);
	struct sut_sha256 digest;

	if (err)
		return err;
	size_t end = tables_size(trace->n_functions, trace->n_parts);
	struct head head = {
		.version = VERSION,
		.size = size,
		.state = state_word(trace, trace->state),
		.n_functions = trace->n_functions,
		.n_parts = trace->n_parts,
		.build_id_size = trace->build_id.size,
		.base = trace->base,
		.module = trace->module,
		.ro = trace->ro,
		.rx = trace->rx,
		.rw = trace->rw,
		.time = trace->time,
	};
	set_label(trace->name, head.label, sizeof(head.label));
	memcpy(head.magic, magic, sizeof(magic));
	memcpy(head.digest, trace->digest.bytes, sizeof(head.digest));
	memcpy(head.build_id, trace->build_id.bytes, trace->build_id.size);
	head.name = put_string(ret->data, &end, trace->name);
	head.advisories = put_string(ret->data, &end, trace->advisories);
	put_functions(trace, ret->data, &end);
	put_parts(trace, ret->data, &end);
	memcpy(ret->data, &head, sizeof(head));
	err = seal(sut_buf_view(ret), &digest);
	if (err)
		return err;
	memcpy(ret->data + offsetof(struct head, seal), digest.bytes, SUT_SHA256_SIZE);
	return NULL;
}

static struct sut_err *get_string(struct sut_view bytes, uint32_t off, char **ret)
{
	const char *text = sut_view_string(bytes, off);

	if (!text)
		return damaged("a name is cut off");
	*ret = strdup(text);
	return *ret ? NULL : sut_err_nomem();
}

static bool is_inside(struct sut_span outer, uint64_t at, uint64_t size)
{
	return at >= outer.start && at <= outer.end && size <= outer.end - at;
}

static struct sut_err *get_functions(struct sut_view bytes, const struct head *head,
				     struct sut_trace *trace)
{
	trace->functions = calloc(head->n_functions + 1, sizeof(*trace->functions));
	if (!trace->functions)
		return sut_err_nomem();
	for (uint32_t i = 0; i < head->n_functions; i++) {
		struct sut_trace_function *f = &trace->functions[i];
		struct function_entry entry;
		sut_view_copy(bytes, sizeof(*head) + i * sizeof(entry), &entry, sizeof(entry));
		*f = (struct sut_trace_function){
			.entry = entry.entry,
			.at = entry.at,
			.target = entry.target,
			.old_size = entry.old_size,
			.new_size = entry.new_size,
		};
		memcpy(f->before, entry.before, sizeof(f->before));
		memcpy(f->after, entry.after, sizeof(f->after));
		trace->n_functions++;
		if (!is_inside(trace->module, f->at, SUT_REDIRECT_SIZE) ||
		    !is_inside(trace->rx, f->target, 1))
			return damaged("a redirect is out of place");
		struct sut_err *err = get_string(bytes, entry.name, &f->name);
		if (err)
			return err;
	}
	return NULL;
}

static struct sut_err *get_parts(struct sut_view bytes, const struct head *head,
				 struct sut_trace *trace)
{
	trace->parts = calloc(head->n_parts + 1, sizeof(*trace->parts));
	if (!trace->parts)
		return sut_err_nomem();
	for (uint32_t i = 0; i < head->n_parts; i++) {
		struct sut_trace_part *p = &trace->parts[i];
		struct part_entry entry;
		sut_view_copy(bytes, tables_size(head->n_functions, i), &entry, sizeof(entry));
		*p = (struct sut_trace_part){
			.at = entry.at,
			.size = entry.size,
			.is_writable = entry.is_writable,
			.is_executable = entry.is_executable,
		};
		memcpy(p->digest.bytes, entry.digest, sizeof(p->digest.bytes));
		trace->n_parts++;
		struct sut_span span = p->is_executable ? trace->rx
				       : p->is_writable ? trace->rw
							: trace->ro;
		if (!is_inside(span, p->at, p->size))
			return damaged("a part is out of place");
		struct sut_err *err = get_string(bytes, entry.name, &p->name);
		if (err)
			return err;
	}
	return NULL;
}

static struct sut_err *check_head(struct sut_view bytes, uint64_t at, const struct head *head)
{
	struct sut_sha256 digest;

	if (memcmp(head->magic, magic, sizeof(magic)) != 0)
		return damaged("no magic");
	if (head->version != VERSION)
		return sut_err(SUT_E_UNSUPPORTED, "trace of version %u; this program knows %d",
			       head->version, VERSION);
	if (head->n_functions > MAX_ITEMS || head->n_parts > MAX_ITEMS || head->size > bytes.size ||
	    head->size < tables_size(head->n_functions, head->n_parts) ||
	    head->build_id_size > SUT_MAX_BUILD_ID)
		return damaged("a size is wrong");
	uint32_t state = head->state & ~(FLAG_ENTRY_ONLY | FLAG_LOST);
	if (state < SUT_TRACE_PLACED || state > SUT_TRACE_REVERTED)
		return damaged("no such state");
	struct sut_err *err = seal((struct sut_view){ bytes.data, head->size }, &digest);
	if (err)
		return err;
	if (memcmp(digest.bytes, head->seal, sizeof(head->seal)) != 0)
		return damaged("its digest is wrong");
	if (head->ro.start != at || head->ro.end < at || head->ro.end - at < head->size ||
	    head->rx.end < head->rx.start || head->rw.end < head->rw.start ||
	    head->module.end < head->module.start)
		return damaged("it is not where it should be");
	return NULL;
}

struct sut_err *sut_trace_read(struct sut_view bytes, uint64_t at, struct sut_trace *ret)
{
	_cleanup_(sut_trace_deinit) struct sut_trace trace = { 0 };
	struct head head;

	if (!sut_view_copy(bytes, 0, &head, sizeof(head)))
		return damaged("it is cut off");
	struct sut_err *err = check_head(bytes, at, &head);
	if (err)
		return err;
	bytes.size = head.size;
	trace = (struct sut_trace){
		.state = head.state & STATE_MASK,
		.is_entry_only = head.state & FLAG_ENTRY_ONLY,
		.is_lost = head.state & FLAG_LOST,
		.base = head.base,
		.module = head.module,
		.ro = head.ro,
		.rx = head.rx,
		.rw = head.rw,
		.time = head.time,
		.build_id.size = head.build_id_size,
	};
	memcpy(trace.digest.bytes, head.digest, sizeof(head.digest));
	memcpy(trace.build_id.bytes, head.build_id, head.build_id_size);
	err = get_string(bytes, head.name, &trace.name);
	if (!err)
		err = get_string(bytes, head.advisories, &trace.advisories);
	if (!err)
		err = get_functions(bytes, &head, &trace);
	if (!err)
		err = get_parts(bytes, &head, &trace);
	if (err)
		return err;
	*ret = trace;
	trace = (struct sut_trace){ 0 };
	return NULL;
}

void sut_traces_deinit(struct sut_traces *traces)
{
	for (size_t i = 0; i < traces->n; i++)
		sut_trace_deinit(&traces->items[i]);
	free(traces->items);
	*traces = (struct sut_traces){ 0 };
}

// A trace begins an anonymous private mapping that is only readable. Such
// mappings are rare, so that looking at the start of each costs nothing; the
// kernel's names for them ("[anon:suture:…]") are not everywhere.
static bool has_magic(struct sut_process *process, const struct sut_mapping *m, struct head *ret)
{
	if (m->inode || m->is_shared || !m->is_readable || m->is_writable || m->is_executable ||
	    m->path[0] == '/' || strncmp(m->path, "[v", 2) == 0)
		return false;
	struct sut_err *err =
		sut_process_peek(process, (struct sut_addr){ m->span.start }, ret, sizeof(*ret));
	sut_err_free(err);
	return !err && memcmp(ret->magic, magic, sizeof(magic)) == 0;
}

static struct sut_err *read_at(struct sut_process *process, const struct sut_mapping *m,
			       const struct head *head, struct sut_traces *traces)
{
	size_t size = head->size;
	struct sut_err *err;

	if (size > m->span.end - m->span.start || size > MAX_SIZE)
		return damaged("a size is wrong");
	_cleanup_free_ uint8_t *bytes = malloc(size + 1);
	if (!bytes)
		return sut_err_nomem();
	err = sut_process_peek(process, (struct sut_addr){ m->span.start }, bytes, size);
	if (!err)
		err = sut_array_grow(&traces->items, traces->n, &traces->capacity,
				     sizeof(*traces->items));
	if (!err)
		err = sut_trace_read((struct sut_view){ bytes, size }, m->span.start,
				     &traces->items[traces->n]);
	if (!err)
		traces->n++;
	return err;
}

struct sut_err *sut_traces_read(struct sut_process *process, const struct sut_maps *maps,
				struct sut_traces *ret)
{
	_cleanup_(sut_traces_deinit) struct sut_traces traces = { 0 };
	struct head head;

	for (size_t i = 0; i < maps->n; i++) {
		const struct sut_mapping *m = &maps->items[i];
		if (!has_magic(process, m, &head))
			continue;
		struct sut_err *err = read_at(process, m, &head, &traces);
		if (err)
			return sut_err_wrap(err, "at 0x%lx", (unsigned long)m->span.start);
	}
	*ret = traces;
	traces = (struct sut_traces){ 0 };
	return NULL;
}

bool sut_traces_exist(struct sut_process *process, const struct sut_maps *maps)
{
	struct head head;

	for (size_t i = 0; i < maps->n; i++)
		if (has_magic(process, &maps->items[i], &head))
			return true;
	return false;
}

struct sut_err *sut_trace_set_state(struct sut_process *process, struct sut_trace *trace,
				    enum sut_trace_state state)
{
	uint32_t word = state_word(trace, state);
	struct sut_addr at = { trace->ro.start + offsetof(struct head, state) };
	struct sut_err *err = sut_process_poke(
		process, at, (struct sut_view){ (const uint8_t *)&word, sizeof(word) });

	if (!err)
		trace->state = state;
	return err;
}

const char *sut_trace_state_name(enum sut_trace_state state)
{
	static const char *const names[] = {
		[SUT_TRACE_PLACED] = "placed",     [SUT_TRACE_APPLYING] = "applying",
		[SUT_TRACE_APPLIED] = "applied",   [SUT_TRACE_REVERTING] = "reverting",
		[SUT_TRACE_REVERTED] = "reverted",
	};

	return names[state];
}
