// SPDX-License-Identifier: Apache-2.0
#include "hub/http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/cleanup.h"

struct sut_err *sut_listen(const char *address, int port, int *fd_ret, int *port_ret)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	bool is_v6 = inet_pton(AF_INET6, address, &v6.sin6_addr) == 1;
	struct sockaddr *name = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t size = is_v6 ? sizeof(v6) : sizeof(v4);
	int on = 1;

	if (!is_v6 && inet_pton(AF_INET, address, &v4.sin_addr) != 1)
		return sut_err(SUT_E_USAGE, "'%s' is no IPv4 or IPv6 address to listen on",
			       address);
	_cleanup_close_ int fd =
		socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return sut_err_os(errno, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, name, size) < 0 || listen(fd, 4096) < 0 || getsockname(fd, name, &size) < 0)
		return sut_err_os(errno, "listen on %s port %d", address, port);
	*port_ret = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
	*fd_ret = fd;
	fd = -1;
	return NULL;
}
