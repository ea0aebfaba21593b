// SPDX-License-Identifier: Apache-2.0

/**
 * A server for tests of the agent: agent-victim PORT
 *
 * Answers each HTTP request with what answer() says, NULL being a failure of its own. Four
 * builds of it differ in nothing else: the old one, a good fix, another good fix, one that
 * answers no more, one that crashes.
 */

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef ANSWER
#define ANSWER "old"
#endif

static volatile int n_requests;

__attribute__((noinline, noclone)) const char *answer(int n);

__attribute__((noinline, noclone)) const char *answer(int n)
{
#ifdef CRASHES
	if (n >= 0)
		__builtin_trap();
#endif
#ifdef FAILS
	return n < 0 ? "never" : NULL;
#endif
	return n < 0 ? "never" : ANSWER;
}

static void serve(int fd)
{
	char request[4096], reply[512];
	ssize_t size = read(fd, request, sizeof(request));
	const char *text = answer(n_requests++);

	if (size > 0) {
		int n = snprintf(
			reply, sizeof(reply),
			"HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			text ? "200 OK" : "500 Failed", text ? strlen(text) : 0, text ? text : "");
		if (write(fd, reply, n) != n)
			n_requests--;
	}
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0) };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0)
		return 1;
	for (;;) {
		int client = accept(fd, NULL, NULL);
		if (client >= 0)
			serve(client);
	}
}
