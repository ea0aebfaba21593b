// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void answer_count(struct page *page, const char *query)
{
	long n = query_number(query, "n", 10);

	for (long i = 1; i <= n && i <= 1000; i++)
		page_print(page, "%ld squared is %ld\n", i, i * i);
}

static void answer_front(struct page *page, const char *query)
{
	(void)query;
	page_print(page, "<h1>A small server</h1>\nWorker %d at your service.\n",
		   (int)getpid());
}

static const struct {
	const char *path;
	void (*answer)(struct page *page, const char *query);
} pages[] = {
	{ "/", answer_front },
	{ "/count", answer_count },
	{ "/echo", answer_echo },
};

static bool send_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		size -= n;
	}
	return true;
}

static bool send_answer(int fd, const char *status, const struct page *page)
{
	char head[256];
	int size = snprintf(head, sizeof(head),
			    "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
			    "Content-Length: %zu\r\n\r\n",
			    status, page->size);

	return send_all(fd, head, size) && send_all(fd, page->text, page->size);
}

/** Answer the request line "GET /path?query HTTP/1.1", terminated by NUL in
 *  place of its line end. False when the connection is to be closed. */
static bool answer(struct visitor *visitor)
{
	struct page page;
	page.size = 0;

	char *path = visitor->request + strlen("GET ");
	if (strncmp(visitor->request, "GET /", 5) != 0) {
		page_print(&page, "only GET\n");
		send_answer(visitor->fd, "405 Method Not Allowed", &page);
		return false;
	}
	char *end = strchr(path, ' ');
	if (end)
		*end = '\0';
	char *query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (strcmp(path, pages[i].path) != 0)
			continue;
		pages[i].answer(&page, query ? query : "");
		return send_answer(visitor->fd, "200 OK", &page);
	}
	page_print(&page, "no page %s\n", path);
	return send_answer(visitor->fd, "404 Not Found", &page);
}

/** Read, and answer each whole request. False when the visitor is gone. */
static bool serve(struct visitor *visitor)
{
	ssize_t n = recv(visitor->fd, visitor->request + visitor->size,
			 sizeof(visitor->request) - visitor->size, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	visitor->size += n;

	for (;;) {
		char *end = memmem(visitor->request, visitor->size, "\r\n\r\n", 4);
		if (!end)
			return visitor->size < sizeof(visitor->request);
		char *line = memchr(visitor->request, '\r', visitor->size);
		*line = '\0';
		if (!answer(visitor))
			return false;
		// Only the size is reset: the bytes stay, as in many a server.
		visitor->size -= end + 4 - visitor->request;
		memmove(visitor->request, end + 4, visitor->size);
	}
}

static void welcome(int poll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int on = 1;

	if (fd < 0)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	// Memory of a visitor who left, as he left it.
	struct visitor *visitor = malloc(sizeof(*visitor));
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = visitor };
	if (!visitor || epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) {
		free(visitor);
		close(fd);
		return;
	}
	visitor->fd = fd;
	visitor->size = 0;
}

static int work(int listener)
{
	int poll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event listening = { .events = EPOLLIN };

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &listening) < 0)
		return 1;
	for (;;) {
		struct epoll_event event;
		int n = epoll_wait(poll, &event, 1, -1);
		// A stop that the kernel reports as EINTR would end the server:
		// who patches it must not cause one.
		if (n < 0) {
			perror("epoll_wait");
			return 1;
		}
		struct visitor *visitor = event.data.ptr;
		if (!visitor) {
			welcome(poll, listener);
		} else if (!serve(visitor)) {
			close(visitor->fd);
			free(visitor);
		}
	}
}

static int listen_on(int port, const char *ip)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = inet_addr(ip),
	};
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 128) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: %s PORT WORKERS [ADDRESS]\n", argv[0]);
		return 2;
	}
	int listener = listen_on(atoi(argv[1]), argc > 3 ? argv[3] : "127.0.0.1");
	if (listener < 0) {
		perror("listen");
		return 1;
	}
	for (int i = 0; i < atoi(argv[2]); i++) {
		pid_t pid = fork();
		if (pid < 0) {
			perror("fork");
			return 1;
		}
		if (pid == 0)
			return work(listener);
	}
	int status = 0;
	if (wait(&status) > 0)
		fprintf(stderr, "a worker ended with status %d\n", status);
	return 1;
}
