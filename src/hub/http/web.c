// SPDX-License-Identifier: Apache-2.0
#include "hub/http/web.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/hash.h"
#include "hub/http/route.h"

enum { MAX_DEPTH = 8, MAX_FILES = 4096 };

/** A file of the page. */
struct page_file {
	char *name; /**< As in the address, without the first slash. */
	struct sut_file file;
	char etag[2 * SUT_SHA256_SIZE + 3];
};

struct sut_web {
	struct page_file *files;
	size_t n, capacity;
};

static const struct {
	const char *ending, *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".mjs", "text/javascript; charset=utf-8" },
	{ ".json", "application/json" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".ico", "image/x-icon" },
	{ ".woff2", "font/woff2" },
	{ ".txt", "text/plain; charset=utf-8" },
};

static const char *find_type(const char *name)
{
	const char *ending = strrchr(name, '.');

	for (size_t i = 0; ending && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].ending, ending) == 0)
			return types[i].type;
	return "application/octet-stream";
}

static struct sut_err *add_file(struct sut_web *web, const char *path, const char *name)
{
	struct page_file file = { 0 };
	struct sut_sha256 digest;
	char hex[2 * SUT_SHA256_SIZE + 1];
	struct sut_err *err =
		sut_array_grow(&web->files, web->n, &web->capacity, sizeof(*web->files));

	if (!err && web->n == MAX_FILES)
		err = sut_err(SUT_E_USAGE, "over %d files", MAX_FILES);
	if (!err)
		err = sut_file_read(path, &file.file);
	if (!err)
		err = sut_sha256(file.file.view, &digest);
	if (!err && !(file.name = strdup(name)))
		err = sut_err_nomem();
	if (err) {
		sut_file_deinit(&file.file);
		return err;
	}
	sut_hex((struct sut_view){ digest.bytes, sizeof(digest.bytes) }, hex);
	snprintf(file.etag, sizeof(file.etag), "\"%s\"", hex);
	web->files[web->n++] = file;
	return NULL;
}

static struct sut_err *add_folder(struct sut_web *web, const char *path, const char *name,
				  int depth);

static struct sut_err *add_entry(struct sut_web *web, const char *path, const char *name,
				 const char *entry, int depth)
{
	_cleanup_free_ char *entry_path = NULL, *entry_name = NULL;
	struct stat st;

	if (asprintf(&entry_path, "%s/%s", path, entry) < 0 ||
	    asprintf(&entry_name, "%s%s%s", name, *name ? "/" : "", entry) < 0)
		return sut_err_nomem();
	if (stat(entry_path, &st) < 0)
		return sut_err_os(errno, "%s", entry_path);
	if (S_ISDIR(st.st_mode))
		return add_folder(web, entry_path, entry_name, depth + 1);
	return S_ISREG(st.st_mode) ? add_file(web, entry_path, entry_name) : NULL;
}

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static struct sut_err *add_folder(struct sut_web *web, const char *path, const char *name,
				  int depth)
{
	_cleanup_(close_folder) DIR *folder = opendir(path);
	struct sut_err *err = NULL;
	struct dirent *entry;

	if (!folder)
		return sut_err_os(errno, "%s", path);
	if (depth > MAX_DEPTH)
		return sut_err(SUT_E_USAGE, "%s: over %d folders deep", path, MAX_DEPTH);
	while (!err && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			err = add_entry(web, path, name, entry->d_name, depth);
	return err;
}

struct sut_err *sut_web_open(const char *folder, struct sut_web **ret)
{
	_cleanup_(sut_web_closep) struct sut_web *web = calloc(1, sizeof(*web));

	if (!web)
		return sut_err_nomem();
	struct sut_err *err = folder ? add_folder(web, folder, "", 0) : NULL;
	if (err)
		return sut_err_wrap(err, "page");
	*ret = steal(web);
	return NULL;
}

void sut_web_close(struct sut_web *web)
{
	if (!web)
		return;
	for (size_t i = 0; i < web->n; i++) {
		sut_file_deinit(&web->files[i].file);
		free(web->files[i].name);
	}
	free(web->files);
	free(web);
}

// What is not changed any more under its name may be kept for good.
static const char *cache_of_page(const char *name)
{
	return strncmp(name, "vendor/", 7) == 0 ? "public, max-age=31536000, immutable"
						: "no-cache";
}

static struct sut_err *show_page(struct sut_hub *hub, const struct sut_request *request,
				 struct sut_reply *reply)
{
	const char *name = request->params[0] ? request->params[0] : "index.html";

	for (size_t i = 0; i < hub->web->n; i++) {
		const struct page_file *file = &hub->web->files[i];

		if (strcmp(file->name, name) != 0)
			continue;
		bool is_known =
			request->if_none_match && strcmp(request->if_none_match, file->etag) == 0;
		struct sut_err *err =
			sut_reply_bytes(reply, is_known ? 304 : 200, find_type(name),
					file->file.view.data, is_known ? 0 : file->file.view.size);
		reply->cache = cache_of_page(name);
		return err ? err : sut_reply_header(reply, "ETag", file->etag);
	}
	return sut_reply_problem(reply, 404, "not-found", "There is no /%s here.", name);
}

// Below the repository's folder, never outside of it and through no link; -1 if not there.
static int open_published(const char *repository, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int folder = open(repository, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	// Only what is published: keys and what waits for signatures may lie beside it.
	if (folder < 0)
		return -1;
	if ((strncmp(name, "metadata/", 9) != 0 && strncmp(name, "targets/", 8) != 0) ||
	    strstr(name, "/../")) {
		errno = ENOENT;
		return -1;
	}
	return syscall(SYS_openat2, folder, name, &how, sizeof(how));
}

static struct sut_err *show_published(struct sut_hub *hub, const struct sut_request *request,
				      struct sut_reply *reply)
{
	const char *name = request->params[0];
	_cleanup_close_ int fd = -1;
	struct stat st;
	char etag[64];

	errno = ENOENT;
	if (hub->config.repository)
		fd = open_published(hub->config.repository, name);
	// What is there and cannot be opened now is there a moment later.
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
		return sut_reply_problem(reply, 503, "busy", "The hub has too many files open.");
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return sut_reply_problem(reply, 404, "not-found",
					 "There is no %s in the repository.", name);
	// A file is replaced, never rewritten: another one has another number.
	snprintf(etag, sizeof(etag), "\"%llx-%llx-%llx\"", (unsigned long long)st.st_ino,
		 (unsigned long long)st.st_size,
		 (unsigned long long)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
	bool is_known = request->if_none_match && strcmp(request->if_none_match, etag) == 0;
	struct sut_err *err = sut_reply_bytes(reply, is_known ? 304 : 200, find_type(name), "", 0);
	if (err)
		return err;
	// Consistent snapshots: all names but this one have a version or a digest in them.
	reply->cache = strcmp(name, "metadata/timestamp.json") == 0
			       ? "no-cache"
			       : "public, max-age=31536000, immutable";
	if (!is_known) {
		reply->kind = SUT_REPLY_FILE;
		reply->size = st.st_size;
		reply->fd = fd;
		fd = -1;
	}
	return sut_reply_header(reply, "ETag", etag);
}

const struct sut_route sut_web_routes[] = {
	{ "GET", "/repository/{*}", SUT_ACCESS_PUBLIC, show_published },
	{ "GET", "/", SUT_ACCESS_PUBLIC, show_page },
	{ "GET", "/{*}", SUT_ACCESS_PUBLIC, show_page },
	{ 0 },
};
