// SPDX-License-Identifier: Apache-2.0
#include "process/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct sut_err *sut_guard_open(struct sut_guard *ret)
{
	// The thread is told, not its process: any thread may load a library. No
	// opener is let through because a queue is full.
	int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_TID |
				       FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS,
			       O_RDONLY | O_CLOEXEC | O_LARGEFILE);

	if (fd >= 0) {
		ret->fd = fd;
		return NULL;
	}
	if (errno == ENOSYS || errno == EINVAL)
		return sut_err(SUT_E_UNSUPPORTED, "the kernel has no fanotify permission events");
	return sut_err_os(errno, "watch files");
}

void sut_guard_close(struct sut_guard *guard)
{
	if (guard->fd >= 0)
		close(guard->fd);
	guard->fd = -1;
}

struct sut_err *sut_guard_reserve(size_t n)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return sut_err_os(errno, "number of descriptors");
	if (limit.rlim_cur >= n)
		return NULL;
	limit.rlim_cur = n;
	if (limit.rlim_max < n)
		limit.rlim_max = n;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return sut_err_os(errno, "%zu descriptors", n);
	return NULL;
}

struct sut_err *sut_guard_mark(const struct sut_guard *guard, const char *path)
{
	// execve(2) asks this too, and so do both interpreters that it may open.
	if (fanotify_mark(guard->fd, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, path) == 0)
		return NULL;
	if (errno == EINVAL)
		return sut_err(SUT_E_UNSUPPORTED,
			       "the kernel has no fanotify permission events for %s", path);
	return sut_err_os(errno, "watch %s", path);
}

struct sut_err *sut_guard_next(const struct sut_guard *guard, bool *found, struct sut_opening *ret)
{
	// Room for one event: what comes after it stays in the queue.
	struct fanotify_event_metadata event;
	struct stat st = { 0 };

	*found = false;
	ssize_t size = read(guard->fd, &event, sizeof(event));
	if (size < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOENT))
		return NULL;
	if (size < 0 && (errno == EBADF || errno == EINVAL || errno == EFAULT))
		return sut_err_os(errno, "read events of watched files");
	// The file could not be opened for us: too many are open, memory is short, or
	// its file system does not let us.
	if (size < 0)
		return sut_err(SUT_E_BUSY, "an opener was turned away: %s", strerror(errno));
	if (size != sizeof(event) || event.vers != FANOTIFY_METADATA_VERSION)
		return sut_err(SUT_E_UNSUPPORTED, "the kernel's events have another format");
	*ret = (struct sut_opening){ .fd = event.fd, .tid = event.pid };
	if (event.fd >= 0 && fstat(event.fd, &st) == 0) {
		ret->dev = st.st_dev;
		ret->inode = st.st_ino;
	}
	*found = true;
	return NULL;
}

struct sut_err *sut_guard_allow(const struct sut_guard *guard, struct sut_opening *opening)
{
	struct fanotify_response response = { .fd = opening->fd, .response = FAN_ALLOW };

	if (opening->fd < 0)
		return NULL;
	ssize_t size = write(guard->fd, &response, sizeof(response));
	int os_errno = errno;
	close(opening->fd);
	opening->fd = -1;
	// ENOENT: the opener was killed while it waited.
	if (size < 0 && os_errno != ENOENT)
		return sut_err_os(os_errno, "let an opener go on");
	return NULL;
}
