// SPDX-License-Identifier: Apache-2.0
/*
 * usage: visitor ADDRESS PORT RATE COUNTS PATH...
 *
 * A steady stream of visitors to a web server: RATE requests a second over a few kept
 * connections, some over new ones, for PATHs in turn. An answer counts as good when its
 * status is 200 and all of its body has come; a connection that cannot be made, breaks
 * or is silent for two minutes is a failed request, and standard error says which and why.
 *
 * COUNTS always holds one line, and the last one is there when TERM has ended it:
 *
 *     ok 1234 failed 0 longest_us 812
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define VISITORS 4
#define EACH_NEW 16 // every so many requests a visitor comes anew

static struct sockaddr_in server;
static char **paths;
static int n_paths;
static long rate;

static atomic_long n_ok, n_failed, longest_us;
static atomic_bool ended;

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

static int connect_server(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { .tv_sec = 120 };
	int one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) == 0)
		return fd;
	int because = errno;
	close(fd);
	errno = because;
	return -1;
}

/** Whether @p text, of @p size bytes, is a whole answer. */
static bool is_whole(const char *text, size_t size)
{
	const char *end = strstr(text, "\r\n\r\n");

	if (!end)
		return false;
	const char *length = strcasestr(text, "\r\nContent-Length:");
	if (length && length < end)
		return size >= (size_t)(end + 4 - text) + strtoul(length + 17, NULL, 10);
	return size >= 5 && memcmp(text + size - 5, "0\r\n\r\n", 5) == 0;
}

/** Ask for @p path. Says what is wrong with the answer, or NULL. */
static const char *ask(int fd, const char *path)
{
	static _Thread_local char text[256 * 1024];
	static _Thread_local char why[64];
	size_t size = 0;
	int n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: shop.example\r\n\r\n", path);

	if (send(fd, text, n, MSG_NOSIGNAL) != n)
		return "the question cannot be sent";
	do {
		ssize_t got = recv(fd, text + size, sizeof(text) - 1 - size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return strerror(errno);
		if (got == 0)
			return size ? "the answer breaks off" : "closed without an answer";
		size += got;
		text[size] = '\0';
	} while (!is_whole(text, size) && size < sizeof(text) - 1);
	if (strncmp(text, "HTTP/1.1 200 ", 13) != 0) {
		snprintf(why, sizeof(why), "answered %.40s", text);
		why[strcspn(why, "\r")] = '\0';
		return why;
	}
	return is_whole(text, size) ? NULL : "the answer is too long";
}

static void count(const char *path, const char *wrong, long took)
{
	if (wrong) {
		n_failed++;
		fprintf(stderr, "%s: %s\n", path, wrong);
		return;
	}
	n_ok++;
	long most = longest_us;
	while (took > most && !atomic_compare_exchange_weak(&longest_us, &most, took))
		;
}

static void *visit(void *argument)
{
	long number = (long)argument, each_us = VISITORS * 1000000L / rate;
	long next = now_us() + number * each_us / VISITORS;
	int fd = -1;

	for (long i = number; !ended; i++) {
		long wait = next - now_us();
		if (wait > 0)
			usleep(wait);
		else if (wait < -1000000)
			next = now_us(); // does not hurry to make up for a second
		next += each_us;

		const char *path = paths[i % n_paths], *wrong;
		long begin = now_us();
		if (fd < 0)
			fd = connect_server();
		wrong = fd < 0 ? strerror(errno) : ask(fd, path);
		count(path, wrong, now_us() - begin);
		if (fd >= 0 && (wrong || i % EACH_NEW == 0)) {
			close(fd);
			fd = -1;
		}
	}
	return NULL;
}

static void tell(int fd)
{
	char line[96];
	int n = snprintf(line, sizeof(line), "ok %ld failed %ld longest_us %ld", n_ok, n_failed,
			 longest_us);

	// One length always, so that a reader never sees a line's old end.
	n += snprintf(line + n, sizeof(line) - n, "%*s\n", 80 - n, "");
	if (pwrite(fd, line, n, 0) != n)
		_exit(1);
}

int main(int argc, char **argv)
{
	pthread_t threads[VISITORS];
	sigset_t term;

	if (argc < 6)
		return 2;
	server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(atoi(argv[2])) };
	rate = atol(argv[3]);
	int counts = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || rate <= 0 || counts < 0)
		return 2;
	paths = argv + 5;
	n_paths = argc - 5;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	for (long i = 0; i < VISITORS; i++)
		if (pthread_create(&threads[i], NULL, visit, (void *)i) != 0)
			return 1;
	for (;;) {
		struct timespec tenth = { .tv_nsec = 100000000 };
		if (sigtimedwait(&term, NULL, &tenth) == SIGTERM)
			break;
		tell(counts);
	}
	ended = true;
	for (int i = 0; i < VISITORS; i++)
		pthread_join(threads[i], NULL);
	tell(counts);
	return n_failed != 0;
}
