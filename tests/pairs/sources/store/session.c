// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct session *sessions;
unsigned int n_sessions;
static unsigned int last_id;
static uint64_t n_opened;
static uint64_t n_closed;

static const char *const state_names[] = {
	"new", "greeted", "ready", "busy", "closing", "closed",
};

const char *state_name(enum state state)
{
	if ((unsigned int)state >= sizeof(state_names) / sizeof(*state_names))
		return "?";
	return state_names[state];
}

struct session *session_new(int fd, struct table *table)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->id = ++last_id;
	session->fd = fd;
	session->table = table;
	session->created = session->last_active = now();
	session->priority = 3;
	session->state = STATE_NEW;
	session->next = sessions;
	if (sessions)
		sessions->previous = session;
	sessions = session;
	n_sessions++;
	n_opened++;
	snprintf(session->name, sizeof(session->name), "session-%u", session->id);
	say(LEVEL_DEBUG, "%s opened on %d", session->name, fd);
	return session;
}

void session_free(struct session *session)
{
	assert(n_sessions > 0);
	if (session->previous)
		session->previous->next = session->next;
	else
		sessions = session->next;
	if (session->next)
		session->next->previous = session->previous;
	n_sessions--;
	n_closed++;
	say(LEVEL_DEBUG, "%s closed after %llu commands, %u errors", session->name,
	    (unsigned long long)session->n_commands, session->n_errors);
	buf_free(&session->in);
	buf_free(&session->out);
	free(session);
}

void session_set_state(struct session *session, enum state state)
{
	if (session->state == state)
		return;
	say(LEVEL_DEBUG, "%s goes from %s to %s", session->name, state_name(session->state),
	    state_name(state));
	session->state = state;
	if (state == STATE_CLOSING)
		session->wants_close = 1;
	if (state == STATE_GREETED)
		buf_print(&session->out, "%s\n", settings.greeting);
}

void session_reply(struct session *session, enum reply reply, const char *text)
{
	session->last_reply = reply;
	if (reply != REPLY_OK && reply != REPLY_VALUE)
		session->n_errors++;
	if (session->is_quiet && reply == REPLY_OK)
		return;
	buf_add_text(&session->out, reply_text(reply));
	if (text) {
		buf_add(&session->out, " ", 1);
		buf_add_text(&session->out, text);
	}
	buf_add(&session->out, "\n", 1);
}

static void session_run_line(struct session *session, char *line)
{
	struct request request = { .session = session };
	enum reply reply;

	request_parse(&request, line);
	if (request.n_words == 0)
		return;
	session->n_commands++;
	session_set_state(session, STATE_BUSY);
	reply = command_run(&request);
	if (reply != REPLY_VALUE)
		session_reply(session, reply, NULL);
	if (session->n_errors > 10u + session->priority) {
		say(LEVEL_WARNING, "%s makes too many errors", session->name);
		session_set_state(session, STATE_CLOSING);
	}
	if (session->state == STATE_BUSY)
		session_set_state(session, STATE_READY);
}

void session_feed(struct session *session, const char *data, size_t size)
{
	size_t end;

	session->n_bytes_in += size;
	session->last_active = now();
	if (session->state == STATE_NEW)
		session_set_state(session, STATE_GREETED);
	buf_add(&session->in, data, size);
	while ((end = buf_find(&session->in, '\n')) < session->in.size) {
		session->in.data[end] = 0;
		session_run_line(session, trim(session->in.data));
		buf_drop(&session->in, end + 1);
		if (session->wants_close)
			return;
	}
	if (session->in.size > (size_t)settings.max_line) {
		session_reply(session, REPLY_BAD_COMMAND, "the line is too long");
		session_set_state(session, STATE_CLOSING);
	}
}

bool session_flush(struct session *session)
{
	while (session->out.size) {
		ssize_t n = write(session->fd, session->out.data, session->out.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			session_set_state(session, STATE_CLOSED);
			return false;
		}
		session->n_bytes_out += n;
		buf_drop(&session->out, n);
	}
	if (session->wants_close)
		session_set_state(session, STATE_CLOSED);
	return session->state != STATE_CLOSED;
}

struct session *session_find(const char *name)
{
	for (struct session *s = sessions; s; s = s->next)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

bool session_is_idle(const struct session *session, time_t at)
{
	long limit = settings.idle_seconds;

	if (session->is_admin)
		limit *= 10;
	limit += session->priority;
	return session->state != STATE_BUSY && session->out.size == 0 &&
	       at - session->last_active > limit;
}

void sessions_count(uint64_t *opened_ret, uint64_t *closed_ret)
{
	*opened_ret = n_opened;
	*closed_ret = n_closed;
}

size_t sessions_expire(time_t at)
{
	struct session *next;
	size_t n = 0;

	for (struct session *s = sessions; s; s = next) {
		next = s->next;
		if (!session_is_idle(s, at))
			continue;
		say(LEVEL_INFO, "%s has been idle for %ld s", s->name, (long)(at - s->last_active));
		session_set_state(s, STATE_CLOSING);
		n++;
	}
	return n;
}

void session_rename(struct session *session, const char *name)
{
	size_t size = strlen(name);

	if (size >= sizeof(session->name))
		size = sizeof(session->name) - 1;
	memcpy(session->name, name, size);
	session->name[size] = 0;
}

void session_describe(const struct session *session, struct buf *out)
{
	buf_print(out, "%u %s %s%s%s priority %u, open for %ld s, ", session->id, session->name,
		  state_name(session->state), session->is_admin ? " admin" : "",
		  session->is_quiet ? " quiet" : "", session->priority,
		  (long)(now() - session->created));
	buf_print(out, "%llu commands, %llu bytes in, %llu out, last %s, errors %u\n",
		  (unsigned long long)session->n_commands,
		  (unsigned long long)session->n_bytes_in,
		  (unsigned long long)session->n_bytes_out, reply_text(session->last_reply),
		  session->n_errors);
}
