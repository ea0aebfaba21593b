// SPDX-License-Identifier: Apache-2.0
#include "tuf/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

static const char temporary_prefix[] = ".new-";

/** Sync the folder that @p path is in. */
static struct sut_err *sync_parent(const char *path)
{
	_cleanup_free_ char *parent = strdup(path);

	if (!parent)
		return sut_err_nomem();
	char *slash = strrchr(parent, '/');
	if (slash)
		*(slash == parent ? slash + 1 : slash) = '\0';
	_cleanup_close_ int fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return sut_err_os(errno, "sync %s", slash ? parent : ".");
	return NULL;
}

static struct sut_err *make_folder(const char *path)
{
	if (mkdir(path, 0755) < 0)
		return errno == EEXIST ? NULL : sut_err_os(errno, "make folder %s", path);
	return sync_parent(path);
}

struct sut_err *sut_folder_make(const char *path)
{
	_cleanup_free_ char *part = strdup(path);

	if (!part)
		return sut_err_nomem();
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		struct sut_err *err = make_folder(part);
		if (err)
			return err;
		*slash = '/';
	}
	return make_folder(part);
}

struct sut_err *sut_draft_init(const char *folder, const char *name, mode_t mode,
			       struct sut_draft *ret)
{
	_cleanup_(sut_draft_deinit) struct sut_draft draft = { .fd = -1 };

	if (asprintf(&draft.path, "%s/%s", folder, name) < 0) {
		draft.path = NULL;
		return sut_err_nomem();
	}
	char *slash = strrchr(draft.path, '/');
	*slash = '\0';
	struct sut_err *err = sut_folder_make(draft.path);
	int made =
		err ? 0 : asprintf(&draft.temporary, "%s/%sXXXXXX", draft.path, temporary_prefix);
	*slash = '/';
	if (err)
		return err;
	if (made < 0) {
		draft.temporary = NULL;
		return sut_err_nomem();
	}
	draft.fd = mkostemp(draft.temporary, O_CLOEXEC);
	if (draft.fd < 0) {
		err = sut_err_os(errno, "write %s", draft.path);
		free(steal(draft.temporary));
		return err;
	}
	if (fchmod(draft.fd, mode) < 0)
		return sut_err_os(errno, "write %s", draft.path);
	*ret = draft;
	draft = (struct sut_draft){ .fd = -1 };
	return NULL;
}

void sut_draft_deinit(struct sut_draft *draft)
{
	if (draft->fd >= 0)
		close(draft->fd);
	if (draft->temporary)
		unlink(draft->temporary);
	free(draft->temporary);
	free(draft->path);
	*draft = (struct sut_draft){ .fd = -1 };
}

struct sut_err *sut_draft_add(struct sut_draft *draft, struct sut_view bytes)
{
	while (bytes.size) {
		ssize_t done = write(draft->fd, bytes.data, bytes.size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return sut_err_os(errno, "write %s", draft->path);
		bytes.data += done;
		bytes.size -= done;
	}
	return NULL;
}

struct sut_err *sut_draft_keep(struct sut_draft *draft, bool is_new_only)
{
	if (fsync(draft->fd) < 0)
		return sut_err_os(errno, "write %s", draft->path);
	if (is_new_only && link(draft->temporary, draft->path) < 0)
		return errno == EEXIST
			       ? sut_err(SUT_E_USAGE, "%s is there already; choose another name",
					 draft->path)
			       : sut_err_os(errno, "write %s", draft->path);
	if (!is_new_only && rename(draft->temporary, draft->path) < 0)
		return sut_err_os(errno, "write %s", draft->path);
	if (!is_new_only)
		free(steal(draft->temporary));
	return sync_parent(draft->path);
}

struct sut_err *sut_folder_write(const char *folder, const char *name, struct sut_view bytes)
{
	_cleanup_(sut_draft_deinit) struct sut_draft draft = { .fd = -1 };
	struct sut_err *err = sut_draft_init(folder, name, 0644, &draft);

	if (!err)
		err = sut_draft_add(&draft, bytes);
	if (!err)
		err = sut_draft_keep(&draft, false);
	return err;
}

static struct sut_err *read_up_to(int fd, const char *path, size_t limit, struct sut_file *ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf buf = { 0 };
	uint8_t piece[16384];

	for (;;) {
		ssize_t got = read(fd, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sut_err_os(errno, "read %s", path);
		if (got == 0)
			break;
		struct sut_err *err = sut_buf_add(&buf, piece, got);
		if (err)
			return err;
		if (buf.size > limit)
			return sut_err(SUT_E_FORMAT, "%s: over %zu bytes", path, limit);
	}
	ret->view = (struct sut_view){ steal(buf.data), buf.size };
	return NULL;
}

struct sut_err *sut_folder_read(const char *folder, const char *name, size_t limit, bool *found,
				struct sut_file *ret)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return sut_err_nomem();
	// A FIFO would hold an open without O_NONBLOCK for ever.
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
		*found = false;
		return NULL;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return sut_err_os(errno, "read %s", path);
	if (!S_ISREG(st.st_mode))
		return sut_err(SUT_E_FORMAT, "%s: not a file", path);
	*found = true;
	return read_up_to(fd, path, limit, ret);
}

struct sut_err *sut_folder_move(const char *from, const char *to, const char *name)
{
	_cleanup_free_ char *old = NULL, *new = NULL;

	if (asprintf(&old, "%s/%s", from, name) < 0 || asprintf(&new, "%s/%s", to, name) < 0)
		return sut_err_nomem();
	char *slash = strrchr(new, '/');
	*slash = '\0';
	struct sut_err *err = sut_folder_make(new);
	*slash = '/';
	if (err)
		return err;
	if (rename(old, new) < 0)
		return sut_err_os(errno, "move %s to %s", old, new);
	err = sync_parent(new);
	return err ? err : sync_parent(old);
}

struct sut_err *sut_folder_remove(const char *folder, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return sut_err_nomem();
	if (unlink(path) < 0)
		return errno == ENOENT ? NULL : sut_err_os(errno, "remove %s", path);
	return sync_parent(path);
}

static void sweep(int fd, int depth)
{
	DIR *folder = fdopendir(fd);

	if (!folder) {
		close(fd);
		return;
	}
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		if (strncmp(entry->d_name, temporary_prefix, strlen(temporary_prefix)) == 0)
			unlinkat(dirfd(folder), entry->d_name, 0);
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || depth == 0)
			continue;
		int below = openat(dirfd(folder), entry->d_name,
				   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			sweep(below, depth - 1);
	}
	closedir(folder);
}

void sut_folder_sweep(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		sweep(fd, 8);
}

struct sut_err *sut_folder_lock(const char *folder, unsigned int seconds, int *ret)
{
	_cleanup_free_ char *path = NULL;
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

	if (asprintf(&path, "%s/.lock", folder) < 0)
		return sut_err_nomem();
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return sut_err_os(errno, "lock %s", path);
	for (unsigned int left = seconds * 50;; left--) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			break;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return sut_err_os(errno, "lock %s", path);
		if (!left)
			return sut_err(SUT_E_BUSY, "%s: another process works on it", folder);
		nanosleep(&pause, NULL);
	}
	*ret = fd;
	fd = -1;
	return NULL;
}
