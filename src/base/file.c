// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

static const size_t max_file_size = (size_t)1 << 30;

struct sut_err *sut_file_read_fd(int fd, const char *name,
				 struct sut_file *ret)
{
	_cleanup_(sut_buf_deinit) struct sut_buf buf = { 0 };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return sut_err_os(errno, "%s", name);
	if (S_ISDIR(st.st_mode))
		return sut_err(SUT_E_USAGE, "%s: is a directory", name);

	// Files in /proc say 0 bytes: read until the end, whatever they say.
	for (;;) {
		struct sut_err *err = sut_buf_zeros(&buf, 65536 + st.st_size);
		if (err)
			return err;
		buf.size -= 65536 + st.st_size;
		ssize_t got = read(fd, buf.data + buf.size,
				   buf.capacity - buf.size);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return sut_err_os(errno, "%s", name);
		if (got == 0)
			break;
		buf.size += got;
		st.st_size = 0;
		if (buf.size > max_file_size)
			return sut_err(SUT_E_FORMAT, "%s: over 1 GiB", name);
	}
	ret->view = (struct sut_view){ steal(buf.data), buf.size };
	return NULL;
}

struct sut_err *sut_file_read(const char *path, struct sut_file *ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return sut_err_os(errno, "%s", path);
	return sut_file_read_fd(fd, path, ret);
}

void sut_file_deinit(struct sut_file *file)
{
	free((void *)file->view.data);
	*file = (struct sut_file){ 0 };
}

static struct sut_err *write_all(int fd, struct sut_view bytes, unsigned int mode)
{
	while (bytes.size) {
		ssize_t done = write(fd, bytes.data, bytes.size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return sut_err_os(errno, "write");
		bytes.data += done;
		bytes.size -= done;
	}
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
		return sut_err_os(errno, "sync");
	return NULL;
}

static struct sut_err *replace_file(const char *path, struct sut_view bytes, unsigned int mode)
{
	_cleanup_free_ char *temporary = NULL;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return sut_err_nomem();
	_cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return sut_err_os(errno, "%s", path);

	struct sut_err *err = write_all(fd, bytes, mode);
	if (!err && rename(temporary, path) < 0)
		err = sut_err_os(errno, "rename");
	if (err) {
		unlink(temporary);
		return sut_err_wrap(err, "%s", path);
	}
	return NULL;
}

struct sut_err *sut_file_write(const char *path, struct sut_view bytes)
{
	return replace_file(path, bytes, 0644);
}

// fsync(2): the entry in the folder is not synced with the file.
static struct sut_err *sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder = slash ? strndup(path, slash - path + 1) : strdup(".");

	if (!folder)
		return sut_err_nomem();
	_cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return sut_err_os(errno, "sync %s", folder);
	return NULL;
}

struct sut_err *sut_file_write_durable(const char *path, struct sut_view bytes, unsigned int mode)
{
	struct sut_err *err = replace_file(path, bytes, mode);

	return err ? err : sync_folder_of(path);
}
