// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t wants_end;
static struct table *table;
static struct session *session;

static void on_signal(int number)
{
	wants_end = number;
}

static void finish(int status)
{
	if (session)
		session_free(session);
	table_free(table);
	exit(status);
}

static void read_input(void)
{
	char bytes[512];
	ssize_t n = read(session->fd, bytes, sizeof(bytes));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		session->fd = 1;
		session_flush(session);
		finish(n < 0);
	}
	session_feed(session, bytes, n);
	session->fd = 1;
	if (!session_flush(session))
		finish(0);
	session->fd = 0;
}

/** Serve until something ends the process; does not return. */
static __attribute__((noreturn, noinline)) void serve(void)
{
	for (;;) {
		struct pollfd fd = { .fd = 0, .events = POLLIN };
		int n = poll(&fd, 1, 1000);

		if (wants_end)
			finish(0);
		if (n < 0 && errno != EINTR)
			finish(1);
		if (n > 0)
			read_input();
		table_expire(table, now());
		sessions_expire(now());
	}
}

static void usage(const char *name)
{
	fprintf(stderr, "usage: %s [NAME VALUE]...\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };

	if (argc % 2 == 0)
		usage(argv[0]);
	for (int i = 1; i < argc; i += 2)
		if (settings_set(argv[i], argv[i + 1]))
			usage(argv[0]);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	table = table_new(settings.max_entries);
	session = session_new(0, table);
	if (!session)
		return 1;
	serve();
}
