// SPDX-License-Identifier: Apache-2.0
#include "elf/deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "elf/image.h"

#define MAX_FILE    (UINT64_C(512) << 20)
#define MAX_FILES   (UINT64_C(4) << 30)
#define MAX_CONTROL (UINT64_C(1) << 20)
/** Entries of data.tar; the largest packages have some 100,000. */
#define MAX_ENTRIES 2000000

DEFINE_CLEANUP(struct archive *, archive_read_free)

/** What one walk over data.tar collects. */
struct collection {
	struct sut_deb_file *files;
	size_t n_files, capacity;
	uint64_t total; /**< Bytes of all regular files, kept or not. */
	uint64_t n_entries;
};

static void collection_deinit(struct collection *c)
{
	for (size_t i = 0; i < c->n_files; i++) {
		free(c->files[i].path);
		free((void *)c->files[i].bytes.data);
	}
	free(c->files);
}

bool sut_deb_is_deb(struct sut_view file)
{
	static const char magic[] = "!<arch>\ndebian-binary";

	return file.size >= sizeof(magic) - 1 &&
	       memcmp(file.data, magic, sizeof(magic) - 1) == 0;
}

static struct sut_err *archive_fault(struct archive *a)
{
	const char *text = archive_error_string(a);

	if (archive_errno(a) == ENOMEM)
		return sut_err_nomem();
	return sut_err(SUT_E_FORMAT, "%s", text ? text : "malformed");
}

/** Feeds a member of the outer archive to the archive inside of it. */
static la_ssize_t read_member(struct archive *inner, void *outer,
			      const void **ret)
{
	size_t size = 0;
	la_int64_t off;
	int status = ARCHIVE_OK;

	// An empty block would mean the end to libarchive.
	while (status == ARCHIVE_OK && size == 0)
		status = archive_read_data_block(outer, ret, &size, &off);
	if (status == ARCHIVE_EOF)
		return 0;
	if (status != ARCHIVE_OK) {
		archive_set_error(inner, archive_errno(outer), "%s",
				  archive_error_string(outer));
		return -1;
	}
	return size;
}

/** The compressions of deb(5) that packages use today, by the member's name
 *  behind "control.tar" or "data.tar". */
static const struct {
	const char *suffix;
	int (*support)(struct archive *);
	int filter; /**< ARCHIVE_FILTER_*. */
} compressions[] = {
	{ "", archive_read_support_filter_none, ARCHIVE_FILTER_NONE },
	{ ".gz", archive_read_support_filter_gzip, ARCHIVE_FILTER_GZIP },
	{ ".xz", archive_read_support_filter_xz, ARCHIVE_FILTER_XZ },
	{ ".zst", archive_read_support_filter_zstd, ARCHIVE_FILTER_ZSTD },
};

static struct sut_err *open_tar(struct archive *outer, const char *suffix,
				struct archive **ret)
{
	_cleanup_(archive_read_freep) struct archive *a = archive_read_new();
	size_t kind = 0;

	if (!a)
		return sut_err_nomem();
	while (strcmp(compressions[kind].suffix, suffix) != 0)
		if (++kind == sizeof(compressions) / sizeof(*compressions))
			return sut_err(SUT_E_UNSUPPORTED,
				       "compression '%s' is unknown", suffix);
	// To read on behind the end mark makes the decompressor reach the
	// checksums at the end of its stream.
	if (compressions[kind].support(a) != ARCHIVE_OK ||
	    archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_set_format_option(a, "tar", "read_concatenated_archives",
					   "1") != ARCHIVE_OK ||
	    archive_read_open(a, outer, NULL, read_member, NULL) != ARCHIVE_OK)
		return archive_fault(a);
	if (archive_filter_code(a, 0) != compressions[kind].filter)
		return sut_err(SUT_E_FORMAT, "not compressed as its name says");
	*ret = steal(a);
	return NULL;
}

/** Move to the next entry; NULL in @p ret at the end. */
static struct sut_err *next_entry(struct archive *a, struct archive_entry **ret)
{
	int status = archive_read_next_header(a, ret);

	if (status == ARCHIVE_EOF) {
		*ret = NULL;
		return NULL;
	}
	// A warning concerns names or attributes that we do not restore.
	if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
		return archive_fault(a);
	return NULL;
}

static struct sut_err *read_exactly(struct archive *a, uint8_t *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		la_ssize_t n = archive_read_data(a, to + done, size - done);

		if (n < 0)
			return archive_fault(a);
		if (n == 0)
			return sut_err(SUT_E_FORMAT, "is cut off");
		done += n;
	}
	return NULL;
}

static const char *entry_path(struct archive_entry *entry)
{
	const char *path = archive_entry_pathname(entry);

	// A name that the locale cannot express exists only as UTF-8.
	if (!path)
		path = archive_entry_pathname_utf8(entry);
	if (!path)
		return NULL;
	while (path[0] == '/' || (path[0] == '.' && path[1] == '/'))
		path += path[0] == '/' ? 1 : 2;
	return path;
}

/** May @p path name a file below a folder: not empty, no ".." on the way? */
static bool is_path_inside(const char *path)
{
	if (!*path)
		return false;
	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == 0))
			return false;
	}
	return true;
}

static struct sut_err *keep_file(struct archive *a, struct collection *c,
				 const char *path, uint64_t size)
{
	struct sut_err *err = sut_array_grow(&c->files, c->n_files, &c->capacity,
					     sizeof(*c->files));
	if (err)
		return err;

	_cleanup_free_ char *name = strdup(path);
	_cleanup_free_ uint8_t *bytes = malloc(size);
	if (!name || !bytes)
		return sut_err_nomem();
	memcpy(bytes, ELFMAG, SELFMAG);
	err = read_exactly(a, bytes + SELFMAG, size - SELFMAG);
	if (err)
		return err;
	c->files[c->n_files++] = (struct sut_deb_file){
		.path = steal(name),
		.bytes = { steal(bytes), size },
	};
	return NULL;
}

static struct sut_err *read_file(struct archive *a, struct archive_entry *entry,
				 struct collection *c, const char *path)
{
	uint64_t size = archive_entry_size(entry);
	uint8_t head[SELFMAG];

	// A hard link has no bytes of its own; the file is there already.
	if (archive_entry_filetype(entry) != AE_IFREG ||
	    archive_entry_hardlink(entry))
		return NULL;
	if (size > MAX_FILE)
		return sut_err(SUT_E_FORMAT, "larger than %lu MiB", MAX_FILE >> 20);
	c->total += size;
	if (c->total > MAX_FILES)
		return sut_err(SUT_E_FORMAT, "more than %lu GiB of files",
			       MAX_FILES >> 30);
	if (size < sizeof(head))
		return NULL;
	struct sut_err *err = read_exactly(a, head, sizeof(head));
	if (err)
		return err;
	if (!sut_image_is_elf((struct sut_view){ head, sizeof(head) }))
		return NULL;
	if (!is_path_inside(path))
		return sut_err(SUT_E_FORMAT, "leaves the package's folder");
	return keep_file(a, c, path, size);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct sut_deb_file *)a)->path,
		      ((const struct sut_deb_file *)b)->path);
}

static struct sut_err *read_data(struct archive *tar, struct collection *c)
{
	struct archive_entry *entry;
	struct sut_err *err;

	for (;;) {
		err = next_entry(tar, &entry);
		if (err)
			return err;
		if (!entry)
			break;
		if (c->n_entries++ == MAX_ENTRIES)
			return sut_err(SUT_E_FORMAT, "more than %d entries",
				       MAX_ENTRIES);
		const char *path = entry_path(entry);
		if (!path)
			return sut_err(SUT_E_FORMAT, "an entry has no name");
		err = read_file(tar, entry, c, path);
		if (err)
			return sut_err_wrap(err, "%s", path);
	}
	if (c->n_files)
		qsort(c->files, c->n_files, sizeof(*c->files), by_path);
	for (size_t i = 1; i < c->n_files; i++)
		if (strcmp(c->files[i - 1].path, c->files[i].path) == 0)
			return sut_err(SUT_E_FORMAT, "%s is there twice",
				       c->files[i].path);
	return NULL;
}

/** Find the control field @p name in the first paragraph of @p text and copy
 *  its value up to the first blank; NULL in @p ret when it is not there. Such
 *  values are printed and become parts of file names, so only the characters
 *  that Debian policy gives them are let in. */
static struct sut_err *copy_field(const char *text, const char *name, char **ret)
{
	size_t name_size = strlen(name);

	*ret = NULL;
	for (const char *line = text; *line && *line != '\n';) {
		const char *end = strchrnul(line, '\n');

		if (strncasecmp(line, name, name_size) == 0 &&
		    line[name_size] == ':') {
			const char *from = line + name_size + 1;
			from += strspn(from, " \t");
			size_t size = strcspn(from, " \t\r\n");
			for (size_t i = 0; i < size; i++)
				if (!isascii(from[i]) ||
				    (!isalnum(from[i]) && !strchr("+-.~:", from[i])))
					return sut_err(SUT_E_FORMAT,
						       "field %s has a strange character",
						       name);
			if (size == 0)
				return sut_err(SUT_E_FORMAT, "field %s is empty",
					       name);
			*ret = strndup(from, size);
			return *ret ? NULL : sut_err_nomem();
		}
		line = *end ? end + 1 : end;
	}
	return NULL;
}

static struct sut_err *parse_control(const char *text, struct sut_deb *deb)
{
	const struct {
		const char *name;
		char **value;
		bool is_required;
	} fields[] = {
		{ "Package", &deb->package, true },
		{ "Source", &deb->source, false },
		{ "Version", &deb->version, true },
		{ "Architecture", &deb->architecture, true },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct sut_err *err =
			copy_field(text, fields[i].name, fields[i].value);

		if (err)
			return err;
		if (!*fields[i].value && fields[i].is_required)
			return sut_err(SUT_E_FORMAT, "field %s is missing",
				       fields[i].name);
	}
	if (!deb->source)
		deb->source = strdup(deb->package);
	return deb->source ? NULL : sut_err_nomem();
}

static struct sut_err *read_control(struct archive *tar, struct sut_deb *deb)
{
	struct archive_entry *entry;
	struct sut_err *err;
	bool is_found = false;

	for (;;) {
		err = next_entry(tar, &entry);
		if (err)
			return err;
		if (!entry)
			break;
		const char *path = entry_path(entry);
		if (is_found || !path || strcmp(path, "control") != 0 ||
		    archive_entry_filetype(entry) != AE_IFREG)
			continue;
		uint64_t size = archive_entry_size(entry);
		if (size > MAX_CONTROL)
			return sut_err(SUT_E_FORMAT, "file control is too large");
		_cleanup_free_ char *text = calloc(1, size + 1);
		if (!text)
			return sut_err_nomem();
		err = read_exactly(tar, (uint8_t *)text, size);
		if (!err)
			err = parse_control(text, deb);
		if (err)
			return err;
		is_found = true;
	}
	if (!is_found)
		return sut_err(SUT_E_FORMAT, "no file control");
	return NULL;
}

/** The first member is debian-binary, with the format's version in it. */
static struct sut_err *check_version(struct archive *outer)
{
	struct archive_entry *entry;
	char version[2];
	struct sut_err *err = next_entry(outer, &entry);

	if (!err && entry)
		err = read_exactly(outer, (uint8_t *)version, sizeof(version));
	if (err)
		return sut_err_wrap(err, "debian-binary");
	if (!entry)
		return sut_err(SUT_E_FORMAT, "no member debian-binary");
	if (version[0] != '2' || version[1] != '.')
		return sut_err(SUT_E_UNSUPPORTED, "not a package of format 2");
	return NULL;
}

/** Find the member @p name of deb(5), which is the next one but for those whose
 *  names begin with '_', and open the tar in it. */
static struct sut_err *open_member(struct archive *outer, const char *name,
				   struct archive **ret)
{
	struct archive_entry *entry;
	const char *path;

	do {
		struct sut_err *err = next_entry(outer, &entry);

		if (err)
			return err;
		path = entry ? archive_entry_pathname(entry) : NULL;
		if (!path)
			return sut_err(SUT_E_FORMAT, "no member %s", name);
	} while (path[0] == '_');
	if (strncmp(path, name, strlen(name)) != 0)
		return sut_err(SUT_E_FORMAT, "member %s stands where %s should",
			       path, name);
	return open_tar(outer, path + strlen(name), ret);
}

/** Read what is left of the member, so that one that is cut off behind its
 *  tar's end is noticed. */
static struct sut_err *finish_member(struct archive *outer)
{
	if (archive_read_data_skip(outer) < ARCHIVE_WARN)
		return archive_fault(outer);
	return NULL;
}

static struct sut_err *open_ar(struct sut_view file, struct archive **ret)
{
	_cleanup_(archive_read_freep) struct archive *a = archive_read_new();

	if (!a)
		return sut_err_nomem();
	if (archive_read_support_filter_none(a) != ARCHIVE_OK ||
	    archive_read_support_format_ar(a) != ARCHIVE_OK ||
	    archive_read_open_memory(a, file.data, file.size) != ARCHIVE_OK)
		return archive_fault(a);
	*ret = steal(a);
	return NULL;
}

static struct sut_err *read_members(struct archive *outer, struct sut_deb *deb,
				    struct collection *files)
{
	_cleanup_(archive_read_freep) struct archive *control = NULL;
	_cleanup_(archive_read_freep) struct archive *data = NULL;
	struct sut_err *err;

	err = check_version(outer);
	if (err)
		return err;
	err = open_member(outer, "control.tar", &control);
	if (!err)
		err = read_control(control, deb);
	if (!err)
		err = finish_member(outer);
	if (err)
		return sut_err_wrap(err, "control.tar");
	err = open_member(outer, "data.tar", &data);
	if (!err)
		err = read_data(data, files);
	if (!err)
		err = finish_member(outer);
	if (err)
		return sut_err_wrap(err, "data.tar");
	return NULL;
}

struct sut_err *sut_deb_init(struct sut_view file, struct sut_deb *ret)
{
	_cleanup_(sut_deb_deinit) struct sut_deb deb = { .size = file.size };
	_cleanup_(collection_deinit) struct collection files = { 0 };
	_cleanup_(archive_read_freep) struct archive *outer = NULL;
	struct sut_err *err;

	if (!sut_deb_is_deb(file))
		return sut_err(SUT_E_FORMAT, "not a Debian package");
	err = open_ar(file, &outer);
	if (err)
		return err;
	err = read_members(outer, &deb, &files);
	if (err)
		return err;

	deb.n_files = files.n_files;
	deb.files = steal(files.files);
	files.n_files = 0;
	*ret = deb;
	deb = (struct sut_deb){ 0 };
	return NULL;
}

void sut_deb_deinit(struct sut_deb *deb)
{
	for (size_t i = 0; i < deb->n_files; i++) {
		free(deb->files[i].path);
		free((void *)deb->files[i].bytes.data);
	}
	free(deb->files);
	free(deb->package);
	free(deb->source);
	free(deb->version);
	free(deb->architecture);
	*deb = (struct sut_deb){ 0 };
}
