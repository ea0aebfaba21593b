// SPDX-License-Identifier: Apache-2.0
#include "live/place.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "patch/patch.h"
#include "process/borrow.h"
#include "process/maps.h"
#include "process/process.h"
#include "process/tracer.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA	     0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static const uint64_t page = 4096;
// rel32 reaches 2 GiB; an addend may point a little outside of what it means.
static const uint64_t reach = (UINT64_C(1) << 31) - (1 << 20);
// Below this the kernel lets nobody map (vm.mmap_min_addr).
static const uint64_t lowest = 65536;
static const uint64_t highest = UINT64_C(0x7ffffffff000);
// One page stays free on both sides: the kernel would merge neighbours.
static const uint64_t guard = 4096;
// What a stack may need below it, beyond any usual limit.
static const uint64_t stack_room = UINT64_C(1) << 28;

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & -to;
}

static bool is_of(const struct sut_part *part, uint64_t kind)
{
	return (part->flags & (SHF_EXECINSTR | SHF_WRITE)) == kind;
}

// Give the parts of one kind their offsets, from @p off on.
static uint64_t lay_out(const struct sut_patch *patch, uint64_t kind, uint64_t off,
			uint64_t *parts)
{
	for (size_t i = 0; i < patch->n_parts; i++) {
		if (!is_of(&patch->parts[i], kind))
			continue;
		off = round_up(off, patch->parts[i].align);
		parts[i] = off;
		off += patch->parts[i].size;
	}
	return round_up(off, page);
}

// An absolute 32-bit address of something in the payload.
static bool needs_low(const struct sut_patch *patch)
{
	for (size_t i = 0; i < patch->n_relocs; i++) {
		uint32_t type = patch->relocs[i].type;
		if ((type == R_X86_64_32 || type == R_X86_64_32S) &&
		    patch->symbols[patch->relocs[i].symbol].where == SUT_WHERE_PART)
			return true;
	}
	return false;
}

static bool has_unwind_data(const struct sut_patch *patch)
{
	for (size_t i = 0; i < patch->n_parts; i++)
		if (strcmp(patch->parts[i].name, SUT_UNWIND_PART) == 0)
			return true;
	return false;
}

// Where the last writable part ends, in words.
static uint64_t rw_end(const struct sut_patch *patch, uint64_t start, const uint64_t *parts)
{
	uint64_t end = start;

	for (size_t i = 0; i < patch->n_parts; i++)
		if (is_of(&patch->parts[i], SHF_WRITE) && parts[i] + patch->parts[i].size > end)
			end = parts[i] + patch->parts[i].size;
	return round_up(end, 16);
}

struct sut_err *sut_layout_init(const struct sut_patch *patch, size_t trace_size,
				struct sut_layout *ret)
{
	uint64_t *parts = calloc(patch->n_parts + 1, sizeof(*parts));

	if (!parts)
		return sut_err_nomem();
	uint64_t ro = lay_out(patch, 0, trace_size, parts);
	uint64_t rx = lay_out(patch, SHF_EXECINSTR, ro, parts);
	uint64_t unwind = 0, rw = lay_out(patch, SHF_WRITE, rx, parts);
	if (has_unwind_data(patch)) {
		unwind = rw_end(patch, rx, parts);
		rw = round_up(unwind + SUT_UNWIND_SIZE, page);
	}
	*ret = (struct sut_layout){
		.unwind = unwind,
		.ro = ro,
		.rx = rx - ro,
		.rw = rw - rx,
		.parts = parts,
		.is_low = needs_low(patch),
	};
	return NULL;
}

void sut_layout_deinit(struct sut_layout *layout)
{
	free(layout->parts);
	*layout = (struct sut_layout){ 0 };
}

/** A place that is being considered: lower rank, then lower distance, wins. */
struct candidate {
	uint64_t at;
	int rank; /**< 0: nothing grows here; 1: something might, a little. */
	uint64_t distance;
	bool is_set;
};

static void consider(struct candidate *best, uint64_t at, int rank, struct sut_span module)
{
	uint64_t distance = at > module.start ? at - module.start : module.start - at;

	if (best->is_set &&
	    (rank > best->rank || (rank == best->rank && distance >= best->distance)))
		return;
	*best = (struct candidate){ at, rank, distance, true };
}

/** What lies at the two ends of a gap. */
struct neighbours {
	bool grows_up;   /**< The heap, or a program whose heap is not there yet. */
	bool grows_down; /**< The stack. */
};

// Take the end of the gap that is nearer to the module, or farther from what
// grows into it.
static void consider_gap(struct candidate *best, struct sut_span gap, struct neighbours at,
			 struct sut_span module, uint64_t size)
{
	if (at.grows_down)
		gap.end = gap.end > stack_room ? gap.end - stack_room : 0;
	if (gap.end <= gap.start || gap.end - gap.start < size + 2 * guard)
		return;
	uint64_t low = gap.start + guard, high = (gap.end - guard - size) & -page;
	bool is_below = gap.end <= module.start + (module.end - module.start) / 2;
	consider(best, is_below || at.grows_up ? high : low, at.grows_up || at.grows_down, module);
}

// Where a payload may be, so that it reaches all of the module and back.
static struct sut_span window(struct sut_span module, const struct sut_layout *layout)
{
	struct sut_span w = {
		.start = module.end > reach ? round_up(module.end - reach, page) : 0,
		.end = module.start + reach,
	};

	if (w.start < lowest)
		w.start = lowest;
	if (w.end > highest)
		w.end = highest;
	if (layout->is_low && w.end > reach)
		w.end = reach;
	return w;
}

static bool is_program_end(const struct sut_maps *maps, size_t i)
{
	// The heap begins a random distance behind the program's own file, which is
	// the lowest of all; there is no telling before it is used.
	for (size_t j = 0; j <= i; j++)
		if (maps->items[j].inode && maps->items[j].inode != maps->items[i].inode)
			return false;
	return !sut_maps_named(maps, "[heap]");
}

bool sut_place_choose(const struct sut_maps *maps, struct sut_span module,
		      const struct sut_layout *layout, uint64_t *ret)
{
	struct sut_span w = window(module, layout);
	struct candidate best = { 0 };

	for (size_t i = 0; i <= maps->n; i++) {
		struct sut_span gap = {
			.start = i ? maps->items[i - 1].span.end : 0,
			.end = i < maps->n ? maps->items[i].span.start : highest,
		};
		struct neighbours at = {
			.grows_up = i && (strcmp(maps->items[i - 1].path, "[heap]") == 0 ||
					  is_program_end(maps, i - 1)),
			.grows_down = i < maps->n && strcmp(maps->items[i].path, "[stack]") == 0,
		};
		if (gap.start < w.start)
			gap.start = w.start;
		if (gap.end > w.end) {
			gap.end = w.end;
			at.grows_down = false;
		}
		if (gap.start < gap.end)
			consider_gap(&best, gap, at, module, sut_layout_size(layout));
	}
	if (best.is_set)
		*ret = best.at;
	return best.is_set;
}

static struct sut_err *map_one(struct sut_borrow *borrow, struct sut_span span, int protection,
			       int flags)
{
	const uint64_t args[6] = { span.start,
				   span.end - span.start,
				   protection,
				   MAP_PRIVATE | MAP_ANONYMOUS | flags,
				   (uint64_t)-1,
				   0 };
	int64_t at;
	struct sut_err *err = sut_borrow_syscall(borrow, SYS_mmap, args, &at);

	if (err)
		return err;
	if (at == (int64_t)span.start)
		return NULL;
	if (at == -EEXIST)
		return sut_err(SUT_E_BUSY, "0x%lx is taken", (unsigned long)span.start);
	if (at > 0) {
		// A kernel before 4.17 takes the address for a wish.
		int64_t ignored;
		err = sut_borrow_syscall(borrow, SYS_munmap, (uint64_t[6]){ at, args[1] },
					 &ignored);
		return err ? err : sut_err(SUT_E_BUSY, "0x%lx is taken", (unsigned long)span.start);
	}
	err = sut_err_os(-at, "the target may not map %lu bytes of %s", (unsigned long)args[1],
			 protection & PROT_EXEC ? "code" : "memory");
	// The limits of the target, not our own memory or privileges.
	err->code = SUT_E_UNSUPPORTED;
	return err;
}

struct sut_err *sut_place_unmap(struct sut_borrow *borrow, struct sut_span span)
{
	int64_t result;

	if (span.start == span.end)
		return NULL;
	struct sut_err *err =
		sut_borrow_syscall(borrow, SYS_munmap,
				   (uint64_t[6]){ span.start, span.end - span.start }, &result);
	if (!err && result < 0)
		err = sut_err_os(-result, "unmap 0x%lx", (unsigned long)span.start);
	return err;
}

struct sut_err *sut_place_reserve(struct sut_borrow *borrow, uint64_t start,
				  const struct sut_layout *layout)
{
	struct sut_span all = { start, start + sut_layout_size(layout) };

	return map_one(borrow, all, PROT_READ, MAP_FIXED_NOREPLACE);
}

struct sut_err *sut_place_split(struct sut_borrow *borrow, uint64_t start,
				const struct sut_layout *layout)
{
	struct sut_span rx = { start + layout->ro, start + layout->ro + layout->rx };
	struct sut_span rw = { rx.end, rx.end + layout->rw };
	struct sut_err *err = NULL;

	// New mappings over our own: changing protection would make memory executable
	// that was not, which hardened services may not.
	if (rx.start < rx.end)
		err = map_one(borrow, rx, PROT_READ | PROT_EXEC, MAP_FIXED);
	if (!err && rw.start < rw.end)
		err = map_one(borrow, rw, PROT_READ | PROT_WRITE, MAP_FIXED);
	return err;
}

void sut_place_name(struct sut_borrow *borrow, uint64_t start, const struct sut_layout *layout,
		    struct sut_addr name)
{
	const uint64_t sizes[] = { layout->ro, layout->rx, layout->rw };
	int64_t result = 0;

	for (int i = 0; i < 3 && result == 0; i++) {
		struct sut_err *err = NULL;
		// Code without a name is what perf looks up in its maps; a name it
		// would take for a file's (is_anon_memory() of tools/perf/util/map.c).
		if (sizes[i] && i != 1)
			err = sut_borrow_syscall(borrow, SYS_prctl,
						 (uint64_t[6]){ PR_SET_VMA, PR_SET_VMA_ANON_NAME,
								start, sizes[i], name.at },
						 &result);
		// Naming is a courtesy to whoever reads the maps.
		if (err)
			result = -1;
		sut_err_free(err);
		start += sizes[i];
	}
}
