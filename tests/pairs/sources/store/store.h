// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The program that the pairs change: a small store of values by key, spoken to
 * in lines of text. It is ordinary C with the usual parts (growing buffers, a
 * hash table, sessions, a parser, a table of commands, an event loop), large
 * enough that what a change does to its machine code can be told from noise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#ifdef STORE_LIBRARY
#define STORE_API __attribute__((visibility("default")))
#else
#define STORE_API
#endif

enum level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARNING, LEVEL_ERROR };

enum state {
	STATE_NEW,
	STATE_GREETED,
	STATE_READY,
	STATE_BUSY,
	STATE_CLOSING,
	STATE_CLOSED,
};

enum reply {
	REPLY_OK,
	REPLY_VALUE,
	REPLY_MISSING,
	REPLY_DENIED,
	REPLY_BAD_COMMAND,
	REPLY_BAD_VALUE,
	REPLY_FULL,
};

/** Bytes that grow. */
struct buf {
	char *data;
	size_t size;
	size_t capacity;
};

/** A value. Its key stands behind it. */
struct entry {
	struct entry *next;
	uint32_t hash;
	uint32_t key_size;
	time_t expires;
	uint64_t n_hits;
	struct buf value;
	char key[];
};

/** All values. */
struct table {
	struct entry **slots;
	size_t n_slots;
	size_t n_entries;
	size_t max_entries;
	uint64_t n_hits;
	uint64_t n_misses;
	uint64_t n_evicted;
};

/** One who speaks to us. */
struct session {
	struct session *next;
	struct session *previous;
	unsigned int id;
	int fd;
	enum state state;
	unsigned int is_admin : 1;
	unsigned int is_quiet : 1;
	unsigned int wants_close : 1;
	unsigned int priority : 5;
	struct buf in;
	struct buf out;
	time_t created;
	time_t last_active;
	uint64_t n_commands;
	uint64_t n_bytes_in;
	uint64_t n_bytes_out;
	struct table *table;
	char name[32];
	int last_reply;
	unsigned int n_errors;
};

/** A line, cut into words that point into it. */
struct request {
	char *words[8];
	int n_words;
	long number;
	struct session *session;
};

struct command {
	const char *name;
	int min_words;
	int max_words;
	enum reply (*run)(struct request *request);
};

struct settings {
	size_t max_entries;
	long idle_seconds;
	long max_line;
	int level;
	char greeting[64];
};

extern struct settings settings;
extern struct session *sessions;
extern unsigned int n_sessions;

/* util.c */
void *must_alloc(size_t size);
void say(enum level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint32_t hash_bytes(const char *data, size_t size);
int parse_long(const char *text, long *ret);
char *trim(char *text);
const char *level_name(enum level level);
uint64_t count_said(enum level level);
time_t now(void);

/* buf.c */
void buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const char *data, size_t size);
void buf_add_text(struct buf *buf, const char *text);
void buf_print(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_escape(struct buf *buf, const char *data, size_t size);
size_t buf_find(const struct buf *buf, char c);
void buf_drop(struct buf *buf, size_t size);
void buf_free(struct buf *buf);

/* table.c */
STORE_API struct table *table_new(size_t max_entries);
STORE_API void table_free(struct table *table);
STORE_API struct entry *table_find(struct table *table, const char *key);
STORE_API enum reply table_set(struct table *table, const char *key, const char *value, long ttl);
STORE_API bool table_remove(struct table *table, const char *key);
STORE_API size_t table_expire(struct table *table, time_t at);
STORE_API void table_describe(const struct table *table, struct buf *out);
STORE_API size_t table_match(const struct table *table, const char *pattern, struct buf *out);

/* session.c */
STORE_API struct session *session_new(int fd, struct table *table);
STORE_API void session_free(struct session *session);
STORE_API void session_feed(struct session *session, const char *data, size_t size);
STORE_API bool session_flush(struct session *session);
STORE_API struct session *session_find(const char *name);
void session_set_state(struct session *session, enum state state);
void session_reply(struct session *session, enum reply reply, const char *text);
void session_describe(const struct session *session, struct buf *out);
bool session_is_idle(const struct session *session, time_t at);
size_t sessions_expire(time_t at);
void sessions_count(uint64_t *opened_ret, uint64_t *closed_ret);
void session_rename(struct session *session, const char *name);
const char *state_name(enum state state);

/* command.c */
void request_parse(struct request *request, char *line);
enum reply command_run(struct request *request);
const char *reply_text(enum reply reply);
int settings_set(const char *name, const char *value);
