// SPDX-License-Identifier: Apache-2.0
#include "process/symbols.h"

#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "process/dynamic.h"
#include "process/snapshot.h"

/** More modules than this in one list is a loop. */
enum { MAX_OBJECTS = 65536 };

/** The modules that a dynamic linker has loaded into one namespace, in the order
 *  of its list. */
struct namespace_list {
	struct sut_dynamic *objects;
	size_t n, capacity;
};

static void deinit_objects(struct sut_dynamic *objects, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sut_dynamic_deinit(&objects[i]);
	free(objects);
}

static void namespace_deinit(struct namespace_list *list)
{
	deinit_objects(list->objects, list->n);
	*list = (struct namespace_list){ 0 };
}

static const struct sut_module *module_of(const struct sut_snapshot *snapshot, uint64_t dynamic)
{
	for (size_t i = 0; i < snapshot->modules.n; i++)
		if (snapshot->modules.items[i].dynamic == dynamic)
			return &snapshot->modules.items[i];
	return NULL;
}

static struct sut_err *add_object(struct sut_snapshot *snapshot, const struct sut_module *module,
				  struct namespace_list *list)
{
	struct sut_err *err =
		sut_array_grow(&list->objects, list->n, &list->capacity, sizeof(*list->objects));

	if (!err)
		err = sut_dynamic_init(&snapshot->process, module, &list->objects[list->n]);
	if (err)
		return err;
	// A library without a name of its own is needed by its file's.
	struct sut_dynamic *d = &list->objects[list->n++];
	const char *slash = strrchr(module->path, '/');
	if (!d->soname && slash)
		d->soname = strdup(slash + 1);
	return NULL;
}

// Read the list that begins at struct link_map @p at.
static struct sut_err *read_list(struct sut_snapshot *snapshot, uint64_t at,
				 struct namespace_list *list)
{
	for (size_t i = 0; at && i < MAX_OBJECTS; i++) {
		struct link_map map;
		struct sut_err *err = sut_process_peek(&snapshot->process, (struct sut_addr){ at },
						       &map, sizeof(map));
		if (err)
			return sut_err_wrap(err, "the dynamic linker's list of modules");
		at = (uintptr_t)map.l_next;
		const struct sut_module *module = module_of(snapshot, (uintptr_t)map.l_ld);
		// The vdso is in the list, and nothing is ever found in it.
		if (!module || !module->inode)
			continue;
		err = add_object(snapshot, module, list);
		if (err)
			return err;
	}
	return NULL;
}

static size_t index_of(const struct namespace_list *list, uint64_t dynamic)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->objects[i].at == dynamic)
			return i;
	return SIZE_MAX;
}

static struct sut_err *find_debug(struct sut_snapshot *snapshot, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < snapshot->modules.n && !*ret; i++) {
		const struct sut_module *module = &snapshot->modules.items[i];
		struct sut_dynamic d;
		if (!module->dynamic || !module->inode)
			continue;
		struct sut_err *err = sut_dynamic_init(&snapshot->process, module, &d);
		if (err)
			return err;
		*ret = d.debug;
		sut_dynamic_deinit(&d);
	}
	return NULL;
}

static size_t find_needed(const struct namespace_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->objects[i].soname && strcmp(list->objects[i].soname, name) == 0)
			return i;
	return SIZE_MAX;
}

// Number the objects that @p root needs, breadth first, from @p next on.
static size_t number_needed(const struct namespace_list *list, size_t root, size_t *order,
			    size_t next)
{
	_cleanup_free_ size_t *queue = calloc(list->n + 1, sizeof(*queue));
	size_t n = 0;

	if (!queue)
		return SIZE_MAX;
	if (order[root] == SIZE_MAX)
		order[root] = next++;
	queue[n++] = root;
	for (size_t i = 0; i < n; i++) {
		const struct sut_dynamic *d = &list->objects[queue[i]];
		for (size_t j = 0; j < d->n_needed; j++) {
			size_t k = find_needed(list, d->needed[j]);
			bool is_queued = k == SIZE_MAX;
			for (size_t q = 0; q < n && !is_queued; q++)
				is_queued = queue[q] == k;
			if (is_queued)
				continue;
			if (order[k] == SIZE_MAX)
				order[k] = next++;
			queue[n++] = k;
		}
	}
	return next;
}

static struct sut_err *sort_as_needed(struct namespace_list *list, size_t *order)
{
	struct sut_dynamic *sorted = calloc(list->n + 1, sizeof(*sorted));
	size_t next = sorted ? number_needed(list, 0, order, 0) : SIZE_MAX;

	if (next == SIZE_MAX) {
		free(sorted);
		return sut_err_nomem();
	}
	for (size_t i = 0; i < list->n; i++)
		sorted[order[i] == SIZE_MAX ? next++ : order[i]] = list->objects[i];
	free(list->objects);
	list->objects = sorted;
	list->capacity = list->n + 1;
	return NULL;
}

// musl publishes its list just before the constructors run, when everything has been
// loaded and relocated. Until then this is how it will be: the program, what it needs,
// what that needs, in this order, and behind them preloaded libraries.
static struct sut_err *derive_list(struct sut_snapshot *snapshot, struct namespace_list *list)
{
	size_t program = 0;

	for (size_t i = 0; i < snapshot->modules.n; i++) {
		const struct sut_module *module = &snapshot->modules.items[i];
		if (!module->inode || !module->dynamic)
			continue;
		struct sut_err *err = add_object(snapshot, module, list);
		if (err)
			return err;
		if (list->objects[list->n - 1].debug)
			program = list->n - 1;
	}
	if (list->n == 0)
		return NULL;
	struct sut_dynamic first = list->objects[program];
	list->objects[program] = list->objects[0];
	list->objects[0] = first;
	_cleanup_free_ size_t *order = calloc(list->n, sizeof(*order));
	for (size_t i = 0; order && i < list->n; i++)
		order[i] = SIZE_MAX;
	return order ? sort_as_needed(list, order) : sut_err_nomem();
}

// The program's DT_DEBUG points to the first namespace; version 2 of the
// interface (glibc 2.35) links the others (dlmopen) behind it.
static struct sut_err *find_list(struct sut_snapshot *snapshot, uint64_t debug,
				 const struct sut_module *module, struct namespace_list *ret)
{
	for (int i = 0; debug && i < 64; i++) {
		_cleanup_(namespace_deinit) struct namespace_list list = { 0 };
		struct r_debug_extended_view {
			struct r_debug base;
			uint64_t next;
		} r = { 0 };
		struct sut_err *err = sut_process_peek(&snapshot->process,
						       (struct sut_addr){ debug }, &r, sizeof(r));
		if (err)
			return sut_err_wrap(err, "the dynamic linker's r_debug");
		err = r.base.r_version || r.base.r_map
			      ? read_list(snapshot, (uintptr_t)r.base.r_map, &list)
			      : derive_list(snapshot, &list);
		if (err)
			return err;
		if (index_of(&list, module->dynamic) != SIZE_MAX) {
			*ret = list;
			list = (struct namespace_list){ 0 };
			return NULL;
		}
		debug = r.base.r_version >= 2 ? r.next : 0;
	}
	return sut_err(SUT_E_UNSUPPORTED, "%s is not in the dynamic linker's list of modules",
		       module->path);
}

// What was loaded at the start comes first in the list, in the order of the
// search: the program, preloaded libraries, needed ones. It reaches to the last
// one that the program needs.
static size_t number_global(const struct namespace_list *list, size_t *order)
{
	size_t last = 0;
	size_t next = number_needed(list, 0, order, 0);

	if (next == SIZE_MAX)
		return next;
	for (size_t i = 0; i < list->n; i++)
		if (order[i] != SIZE_MAX)
			last = i;
	for (size_t i = 0; i < list->n; i++)
		order[i] = i <= last ? i : SIZE_MAX;
	return last + 1;
}

// Move the objects into the scope in the order of their numbers.
static struct sut_err *arrange(struct namespace_list *list, const size_t *order, size_t n,
			       struct sut_scope *scope)
{
	scope->objects = calloc(n + 1, sizeof(*scope->objects));
	if (!scope->objects)
		return sut_err_nomem();
	scope->n_objects = n;
	for (size_t i = 0; i < list->n; i++) {
		if (order[i] == SIZE_MAX)
			continue;
		scope->objects[order[i]] = list->objects[i];
		list->objects[i] = (struct sut_dynamic){ 0 };
	}
	return NULL;
}

struct sut_err *sut_scope_init(struct sut_snapshot *snapshot, const struct sut_module *module,
			       struct sut_scope *ret)
{
	_cleanup_(namespace_deinit) struct namespace_list list = { 0 };
	struct sut_scope scope = { .snapshot = snapshot, .first = SIZE_MAX };
	uint64_t debug;
	struct sut_err *err = find_debug(snapshot, &debug);

	if (err)
		return err;
	if (!debug || !module->dynamic) {
		*ret = scope;
		return NULL;
	}
	err = find_list(snapshot, debug, module, &list);
	if (err)
		return err;
	size_t own = index_of(&list, module->dynamic);
	_cleanup_free_ size_t *order = calloc(list.n + 1, sizeof(*order));
	if (!order)
		return sut_err_nomem();
	for (size_t i = 0; i < list.n; i++)
		order[i] = SIZE_MAX;
	size_t n = number_global(&list, order);
	// Only the program has a DT_DEBUG; all of another namespace can be closed.
	scope.n_initial = list.objects[0].debug ? n : 0;
	if (n != SIZE_MAX)
		n = number_needed(&list, own, order, n);
	if (n == SIZE_MAX)
		return sut_err_nomem();
	scope.first = list.objects[own].is_symbolic ? order[own] : SIZE_MAX;
	err = arrange(&list, order, n, &scope);
	if (!err)
		*ret = scope;
	return err;
}

bool sut_scope_has_initial(const struct sut_scope *scope, const struct sut_module *module)
{
	for (size_t i = 0; i < scope->n_initial && i < scope->n_objects; i++)
		if (scope->objects[i].at == module->dynamic)
			return true;
	return false;
}

void sut_scope_deinit(struct sut_scope *scope)
{
	deinit_objects(scope->objects, scope->n_objects);
	*scope = (struct sut_scope){ 0 };
}

struct sut_err *sut_scope_find(const struct sut_scope *scope, const char *name, const char *version,
			       bool *found, struct sut_definition *ret)
{
	struct sut_err *err = NULL;

	*found = false;
	if (scope->first < scope->n_objects)
		err = sut_dynamic_find(&scope->objects[scope->first], name, version, found, ret);
	for (size_t i = 0; i < scope->n_objects && !*found && !err; i++)
		err = sut_dynamic_find(&scope->objects[i], name, version, found, ret);
	return err;
}

struct sut_err *sut_symbols_anywhere(struct sut_snapshot *snapshot, const char *name,
				     const char *version, bool *found, struct sut_definition *ret)
{
	*found = false;
	for (size_t i = 0; i < snapshot->modules.n && !*found; i++) {
		const struct sut_module *module = &snapshot->modules.items[i];
		struct sut_dynamic d = { 0 };
		if (!module->dynamic || !module->inode)
			continue;
		struct sut_err *err = sut_dynamic_init(&snapshot->process, module, &d);
		if (!err)
			err = sut_dynamic_find(&d, name, version, found, ret);
		sut_dynamic_deinit(&d);
		if (err)
			return err;
	}
	return NULL;
}
