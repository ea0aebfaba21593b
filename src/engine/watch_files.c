// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/scan.h"
#include "engine/watch_parts.h"

// Guard what @p fd, opened with O_PATH, is. @p path is for people.
static void guard_file(struct sut_run *run, int fd, const char *path)
{
	char key[64], link[32];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	snprintf(key, sizeof(key), "%lx:%lx", (long)st.st_dev, (long)st.st_ino);
	const json_t *before = json_object_get(run->guarded, key);
	// Once more, whatever was before: another file may have got the numbers.
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	struct sut_err *err = sut_guard_mark(&run->guard, link);
	// Told once, guarded or not.
	bool is_news = !before || json_is_true(before) != !err;
	if (is_news)
		json_object_set_new(run->guarded, key, json_boolean(!err));
	if (err && is_news)
		sut_run_tell(run, json_pack("{s:s, s:s, s:s}", "event", "unguarded", "path", path,
					    "reason", err->msg));
	else if (is_news)
		sut_run_tell(run, json_pack("{s:s, s:s}", "event", "guarded", "path", path));
	sut_err_free(err);
}

void sut_run_guard_files(struct sut_run *run, const json_t *mapped, const json_t *named)
{
	const json_t *item;
	size_t i;

	json_array_foreach(mapped, i, item)
	{
		const char *link = json_string_value(item);
		char path[4096];
		_cleanup_close_ int fd = link ? open(link, O_PATH | O_CLOEXEC) : -1;
		ssize_t size = fd < 0 ? -1 : readlink(link, path, sizeof(path) - 1);
		if (size < 0)
			continue; // the process has exited
		path[size] = 0;
		guard_file(run, fd, path);
	}
	json_array_foreach(named, i, item)
	{
		const char *path;
		int pid;
		if (json_unpack((json_t *)item, "{s:i, s:s}", "pid", &pid, "path", &path) < 0)
			continue;
		_cleanup_close_ int fd = sut_scan_open(pid, path, O_PATH);
		if (fd >= 0)
			guard_file(run, fd, path);
	}
}

size_t sut_run_count_guarded(const struct sut_run *run)
{
	const char *key;
	json_t *value;
	size_t n = 0;

	json_object_foreach(run->guarded, key, value) n += json_is_true(value);
	return n;
}
