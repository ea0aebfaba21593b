// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <stdlib.h>
#include <string.h>

static const char version[] __attribute__((used)) = "store 1.4.2-1";

void request_parse(struct request *request, char *line)
{
	request->n_words = 0;
	request->number = 0;
	while (*line && request->n_words < 8) {
		char quote = 0;

		while (*line == ' ')
			line++;
		if (!*line)
			break;
		if (*line == '"' || *line == '\'')
			quote = *line++;
		request->words[request->n_words++] = line;
		while (*line && *line != (quote ? quote : ' '))
			line++;
		if (*line)
			*line++ = 0;
	}
}

const char *reply_text(enum reply reply)
{
	switch (reply) {
	case REPLY_OK:
		return "ok";
	case REPLY_VALUE:
		return "value";
	case REPLY_MISSING:
		return "missing";
	case REPLY_DENIED:
		return "denied";
	case REPLY_BAD_COMMAND:
		return "bad command";
	case REPLY_BAD_VALUE:
		return "bad value";
	case REPLY_FULL:
		return "full";
	}
	return "?";
}

static enum reply run_get(struct request *r)
{
	struct entry *entry = table_find(r->session->table, r->words[1]);
	struct buf text = { 0 };

	if (!entry)
		return REPLY_MISSING;
	buf_add(&text, "\"", 1);
	buf_escape(&text, entry->value.data, entry->value.size);
	buf_add(&text, "\"", 2);
	session_reply(r->session, REPLY_VALUE, text.data);
	buf_free(&text);
	return REPLY_VALUE;
}

static enum reply run_set(struct request *r)
{
	long ttl = 0;

	if (r->n_words > 3 && parse_long(r->words[3], &ttl))
		return REPLY_BAD_VALUE;
	return table_set(r->session->table, r->words[1], r->words[2], ttl);
}

static enum reply run_append(struct request *r)
{
	struct entry *entry = table_find(r->session->table, r->words[1]);

	if (!entry)
		return table_set(r->session->table, r->words[1], r->words[2], 0);
	buf_add_text(&entry->value, r->words[2]);
	return REPLY_OK;
}

static enum reply run_add(struct request *r)
{
	struct entry *entry = table_find(r->session->table, r->words[1]);
	char text[32];
	long value = 0, more;

	if (parse_long(r->words[2], &more))
		return REPLY_BAD_VALUE;
	if (entry) {
		buf_add(&entry->value, "", 1);
		entry->value.size--;
		if (parse_long(entry->value.data, &value))
			return REPLY_BAD_VALUE;
	}
	snprintf(text, sizeof(text), "%ld", value + more);
	return table_set(r->session->table, r->words[1], text, 0);
}

static enum reply run_remove(struct request *r)
{
	return table_remove(r->session->table, r->words[1]) ? REPLY_OK : REPLY_MISSING;
}

static enum reply run_keys(struct request *r)
{
	table_match(r->session->table, r->n_words > 1 ? r->words[1] : "*", &r->session->out);
	return REPLY_OK;
}

static enum reply run_sessions(struct request *r)
{
	if (!r->session->is_admin)
		return REPLY_DENIED;
	for (struct session *s = sessions; s; s = s->next)
		session_describe(s, &r->session->out);
	return REPLY_OK;
}

static enum reply run_stats(struct request *r)
{
	uint64_t opened, closed;

	table_describe(r->session->table, &r->session->out);
	sessions_count(&opened, &closed);
	buf_print(&r->session->out, "%u sessions (%llu opened, %llu closed), %llu warnings\n",
		  n_sessions, (unsigned long long)opened, (unsigned long long)closed,
		  (unsigned long long)count_said(LEVEL_WARNING));
	return REPLY_OK;
}

static enum reply run_name(struct request *r)
{
	if (session_find(r->words[1]))
		return REPLY_DENIED;
	session_rename(r->session, r->words[1]);
	return REPLY_OK;
}

static enum reply run_quiet(struct request *r)
{
	if (parse_long(r->words[1], &r->number))
		return REPLY_BAD_VALUE;
	r->session->is_quiet = r->number != 0;
	return REPLY_OK;
}

static enum reply run_priority(struct request *r)
{
	if (parse_long(r->words[1], &r->number) || r->number < 0 || r->number > 31)
		return REPLY_BAD_VALUE;
	if (r->number > 7 && !r->session->is_admin)
		return REPLY_DENIED;
	r->session->priority = r->number;
	return REPLY_OK;
}

static enum reply run_admin(struct request *r)
{
	const char *word = getenv("STORE_WORD");

	if (!word || strcmp(word, r->words[1]) != 0)
		return REPLY_DENIED;
	r->session->is_admin = 1;
	return REPLY_OK;
}

static enum reply run_setting(struct request *r)
{
	if (!r->session->is_admin)
		return REPLY_DENIED;
	return settings_set(r->words[1], r->words[2]) ? REPLY_BAD_VALUE : REPLY_OK;
}

static enum reply run_close(struct request *r)
{
	session_set_state(r->session, STATE_CLOSING);
	return REPLY_OK;
}

static const struct command commands[] = {
	{ "get", 2, 2, run_get },	     { "set", 3, 4, run_set },
	{ "append", 3, 3, run_append },	     { "add", 3, 3, run_add },
	{ "remove", 2, 2, run_remove },	     { "keys", 1, 2, run_keys },
	{ "sessions", 1, 1, run_sessions },  { "stats", 1, 1, run_stats },
	{ "name", 2, 2, run_name },	     { "quiet", 2, 2, run_quiet },
	{ "priority", 2, 2, run_priority },  { "admin", 2, 2, run_admin },
	{ "setting", 3, 3, run_setting },    { "close", 1, 1, run_close },
};

enum reply command_run(struct request *request)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const struct command *c = &commands[i];

		if (strcmp(c->name, request->words[0]) != 0)
			continue;
		if (request->n_words < c->min_words || request->n_words > c->max_words)
			return REPLY_BAD_COMMAND;
		return c->run(request);
	}
	return REPLY_BAD_COMMAND;
}
