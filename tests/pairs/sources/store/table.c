// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct table *table_new(size_t max_entries)
{
	struct table *table = must_alloc(sizeof(*table));

	table->n_slots = 64;
	table->slots = must_alloc(table->n_slots * sizeof(*table->slots));
	table->max_entries = max_entries;
	return table;
}

static void entry_free(struct entry *entry)
{
	buf_free(&entry->value);
	free(entry);
}

static struct entry *entry_new(const char *key, size_t key_size, uint32_t hash)
{
	struct entry *entry = must_alloc(sizeof(*entry) + key_size + 1);

	entry->hash = hash;
	entry->key_size = key_size;
	memcpy(entry->key, key, key_size);
	return entry;
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->n_slots; i++) {
		while (table->slots[i]) {
			struct entry *entry = table->slots[i];

			table->slots[i] = entry->next;
			entry_free(entry);
		}
	}
	free(table->slots);
	free(table);
}

static void table_grow(struct table *table)
{
	size_t n_slots = table->n_slots * 2;
	struct entry **slots = must_alloc(n_slots * sizeof(*slots));

	for (size_t i = 0; i < table->n_slots; i++) {
		while (table->slots[i]) {
			struct entry *entry = table->slots[i];

			table->slots[i] = entry->next;
			entry->next = slots[entry->hash & (n_slots - 1)];
			slots[entry->hash & (n_slots - 1)] = entry;
		}
	}
	say(LEVEL_DEBUG, "table grows to %zu slots", n_slots);
	free(table->slots);
	table->slots = slots;
	table->n_slots = n_slots;
}

static struct entry **table_slot(struct table *table, const char *key, size_t key_size,
				 uint32_t hash)
{
	struct entry **slot = &table->slots[hash & (table->n_slots - 1)];

	while (*slot && ((*slot)->hash != hash || (*slot)->key_size != key_size ||
			 memcmp((*slot)->key, key, key_size) != 0))
		slot = &(*slot)->next;
	return slot;
}

struct entry *table_find(struct table *table, const char *key)
{
	size_t size = strlen(key);
	struct entry *entry = *table_slot(table, key, size, hash_bytes(key, size));

	if (!entry || (entry->expires && entry->expires <= now())) {
		table->n_misses++;
		return NULL;
	}
	entry->n_hits++;
	table->n_hits++;
	return entry;
}

static void unlink_entry(struct table *table, struct entry **slot)
{
	struct entry *entry = *slot;

	assert(table->n_entries > 0);
	*slot = entry->next;
	table->n_entries--;
	entry_free(entry);
}

static bool table_evict(struct table *table)
{
	struct entry **worst = NULL;

	for (size_t i = 0; i < table->n_slots; i++) {
		struct entry **slot = &table->slots[i];

		for (; *slot; slot = &(*slot)->next)
			if (!worst || (*slot)->n_hits < (*worst)->n_hits)
				worst = slot;
	}
	if (!worst)
		return false;
	table->n_evicted++;
	unlink_entry(table, worst);
	return true;
}

enum reply table_set(struct table *table, const char *key, const char *value, long ttl)
{
	size_t size = strlen(key);
	uint32_t hash = hash_bytes(key, size);
	struct entry **slot = table_slot(table, key, size, hash);

	if (ttl < 0)
		return REPLY_BAD_VALUE;
	if (!*slot) {
		if (table->n_entries >= table->max_entries && !table_evict(table))
			return REPLY_FULL;
		if (table->n_entries >= table->n_slots)
			table_grow(table);
		slot = table_slot(table, key, size, hash);
		*slot = entry_new(key, size, hash);
		table->n_entries++;
	}
	(*slot)->value.size = 0;
	buf_add_text(&(*slot)->value, value);
	(*slot)->expires = ttl ? now() + ttl : 0;
	return REPLY_OK;
}

bool table_remove(struct table *table, const char *key)
{
	size_t size = strlen(key);
	struct entry **slot = table_slot(table, key, size, hash_bytes(key, size));

	if (!*slot)
		return false;
	unlink_entry(table, slot);
	return true;
}

size_t table_expire(struct table *table, time_t at)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n_slots; i++) {
		struct entry **slot = &table->slots[i];

		while (*slot) {
			if (!(*slot)->expires || (*slot)->expires > at) {
				slot = &(*slot)->next;
				continue;
			}
			unlink_entry(table, slot);
			n++;
		}
	}
	if (n)
		say(LEVEL_INFO, "%zu values have expired", n);
	return n;
}

void table_describe(const struct table *table, struct buf *out)
{
	size_t longest = 0;
	uint64_t bytes = 0;

	for (size_t i = 0; i < table->n_slots; i++) {
		size_t n = 0;

		for (struct entry *e = table->slots[i]; e; e = e->next, n++)
			bytes += e->value.capacity + e->key_size;
		if (n > longest)
			longest = n;
	}
	buf_print(out, "entries %zu of %zu, slots %zu, longest chain %zu, bytes %llu\n",
		  table->n_entries, table->max_entries, table->n_slots, longest,
		  (unsigned long long)bytes);
	buf_print(out, "hits %llu, misses %llu, evicted %llu\n",
		  (unsigned long long)table->n_hits, (unsigned long long)table->n_misses,
		  (unsigned long long)table->n_evicted);
}

/** Does @p text match @p pattern with '*' and '?' in it? */
static bool is_match(const char *pattern, const char *text, const char *end)
{
	for (; *pattern; pattern++) {
		if (*pattern == '*') {
			for (const char *at = text; at <= end; at++)
				if (is_match(pattern + 1, at, end))
					return true;
			return false;
		}
		if (text == end || (*pattern != '?' && *pattern != *text))
			return false;
		text++;
	}
	return text == end;
}

size_t table_match(const struct table *table, const char *pattern, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n_slots; i++) {
		for (struct entry *e = table->slots[i]; e; e = e->next) {
			if (!is_match(pattern, e->key, e->key + e->key_size))
				continue;
			buf_escape(out, e->key, e->key_size);
			buf_add(out, "\n", 1);
			n++;
		}
	}
	return n;
}
