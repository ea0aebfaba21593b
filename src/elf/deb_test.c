// SPDX-License-Identifier: Apache-2.0
#include "elf/deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "test.h"
#include "tiny.h"

#define MAX_DEB 65536

static const char control[] = "Package: sample\n"
			      "Source: samples (1.0)\n"
			      "Version: 1:2.0-3~deb12u1\n"
			      "Architecture: amd64\n"
			      "Description: nothing\n of use\n\nPackage: other\n";

/** An archive that a test writes. */
struct output {
	uint8_t bytes[MAX_DEB];
	size_t size;
	struct archive *a;
};

static void begin(struct output *o, const char *format, const char *filter)
{
	o->a = archive_write_new();
	EXPECT(archive_write_set_format_by_name(o->a, format) == ARCHIVE_OK);
	if (filter)
		EXPECT(archive_write_add_filter_by_name(o->a, filter) == ARCHIVE_OK);
	EXPECT(archive_write_set_bytes_per_block(o->a, 0) == ARCHIVE_OK); // no padding
	EXPECT(archive_write_open_memory(o->a, o->bytes, sizeof(o->bytes), &o->size) ==
	       ARCHIVE_OK);
}

static void add_kind(struct output *o, const char *path, unsigned int kind, const char *target,
		     const void *data, size_t size)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_filetype(e, kind);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, size);
	if (target && kind == AE_IFLNK)
		archive_entry_set_symlink(e, target);
	else if (target)
		archive_entry_set_hardlink(e, target);
	EXPECT(archive_write_header(o->a, e) == ARCHIVE_OK);
	EXPECT(archive_write_data(o->a, data, size) == (la_ssize_t)size);
	archive_entry_free(e);
}

static void add(struct output *o, const char *path, const void *data, size_t size)
{
	add_kind(o, path, AE_IFREG, NULL, data, size);
}

static void end(struct output *o)
{
	EXPECT(archive_write_close(o->a) == ARCHIVE_OK);
	archive_write_free(o->a);
}

/** The names of a package's members and what stands in its control file. */
struct plan {
	const char *filter, *suffix;
	const char *version_member, *version, *control_member, *data_member;
	const char *control;
	const char *elf_path;
	bool has_second_elf; /**< Under the same path. */
};

static const struct plan normal = {
	.suffix = "",
	.version_member = "debian-binary",
	.version = "2.0\n",
	.control_member = "control.tar",
	.data_member = "data.tar",
	.control = control,
	.elf_path = "./usr/lib/tiny.so",
};

/** Write the package of @p plan. The caller frees it. */
static struct output *make_deb(const struct plan *plan)
{
	struct output *deb = calloc(1, sizeof(*deb));
	_cleanup_free_ struct output *inner = calloc(1, sizeof(*inner));
	struct tiny t = tiny_elf();
	char name[64];

	EXPECT(deb && inner);
	begin(deb, "arbsd", NULL);
	add(deb, plan->version_member, plan->version, strlen(plan->version));

	begin(inner, "gnutar", plan->filter);
	add_kind(inner, "./", AE_IFDIR, NULL, NULL, 0);
	if (plan->control)
		add(inner, "./control", plan->control, strlen(plan->control));
	add(inner, "./md5sums", "x", 1);
	end(inner);
	snprintf(name, sizeof(name), "%s%s", plan->control_member, plan->suffix);
	add(deb, name, inner->bytes, inner->size);

	add(deb, "_ignored", "x", 1);
	begin(inner, "gnutar", plan->filter);
	add_kind(inner, "./usr/", AE_IFDIR, NULL, NULL, 0);
	add(inner, plan->elf_path, &t, sizeof(t));
	if (plan->has_second_elf)
		add(inner, plan->elf_path, &t, sizeof(t));
	add(inner, "./bin/cat", &t, sizeof(t));
	add(inner, "./usr/text", "#!/bin/sh\n", 10);
	add(inner, "./usr/short", "\177EL", 3);
	add_kind(inner, "./usr/link", AE_IFLNK, "lib/tiny.so", NULL, 0);
	add_kind(inner, "./usr/hard", AE_IFREG, plan->elf_path, NULL, 0);
	end(inner);
	snprintf(name, sizeof(name), "%s%s", plan->data_member, plan->suffix);
	add(deb, name, inner->bytes, inner->size);
	end(deb);
	return deb;
}

static struct sut_view bytes_of(const struct output *o)
{
	return (struct sut_view){ o->bytes, o->size };
}

static void expect_err(const struct plan *plan, enum sut_code code, const char *text)
{
	_cleanup_free_ struct output *o = make_deb(plan);
	struct sut_deb deb;

	EXPECT_ERR(sut_deb_init(bytes_of(o), &deb), code, text);
}

TEST(deb, reads_every_compression_and_keeps_only_elf_files)
{
	static const struct {
		const char *filter, *suffix;
	} cases[] = { { NULL, "" }, { "gzip", ".gz" }, { "xz", ".xz" }, { "zstd", ".zst" } };
	struct tiny t = tiny_elf();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct plan plan = normal;
		_cleanup_(sut_deb_deinit) struct sut_deb deb = { 0 };

		plan.filter = cases[i].filter;
		plan.suffix = cases[i].suffix;
		_cleanup_free_ struct output *o = make_deb(&plan);
		EXPECT(sut_deb_is_deb(bytes_of(o)));
		EXPECT_OK(sut_deb_init(bytes_of(o), &deb));
		EXPECT(strcmp(deb.package, "sample") == 0);
		EXPECT(strcmp(deb.source, "samples") == 0);
		EXPECT(strcmp(deb.version, "1:2.0-3~deb12u1") == 0);
		EXPECT(strcmp(deb.architecture, "amd64") == 0);
		EXPECT(deb.size == o->size);
		EXPECT(deb.n_files == 2);
		EXPECT(strcmp(deb.files[0].path, "bin/cat") == 0);
		EXPECT(strcmp(deb.files[1].path, "usr/lib/tiny.so") == 0);
		EXPECT(sut_view_equal(deb.files[1].bytes, tiny_view(&t)));
	}
}

TEST(deb, takes_the_package_for_its_own_source)
{
	struct plan plan = normal;
	_cleanup_(sut_deb_deinit) struct sut_deb deb = { 0 };

	plan.control = "package: a\nversion:1\nArchitecture:  all\n";
	_cleanup_free_ struct output *o = make_deb(&plan);
	EXPECT_OK(sut_deb_init(bytes_of(o), &deb));
	EXPECT(strcmp(deb.source, "a") == 0 && strcmp(deb.version, "1") == 0);
	EXPECT(strcmp(deb.architecture, "all") == 0);
}

TEST(deb, refuses_what_is_no_package)
{
	struct sut_deb deb;
	struct sut_view text = { (const uint8_t *)"!<arch>\nno-debian-binary", 24 };

	EXPECT(!sut_deb_is_deb(text));
	EXPECT_ERR(sut_deb_init(text, &deb), SUT_E_FORMAT, "not a Debian package");
}

TEST(deb, refuses_wrong_members)
{
	struct plan plan = normal;

	plan.version = "3.0\n";
	expect_err(&plan, SUT_E_UNSUPPORTED, "not a package of format 2");
	plan = normal;
	plan.version = "2";
	expect_err(&plan, SUT_E_FORMAT, "debian-binary: is cut off");
	plan = normal;
	plan.control_member = "data.tar";
	expect_err(&plan, SUT_E_FORMAT, "member data.tar stands where control.tar should");
	plan = normal;
	plan.data_member = "dates";
	expect_err(&plan, SUT_E_FORMAT, "member dates stands where data.tar should");
	plan = normal;
	plan.data_member = "_data.tar";
	expect_err(&plan, SUT_E_FORMAT, "no member data.tar");
	plan = normal;
	plan.data_member = "data.tar.Z";
	expect_err(&plan, SUT_E_UNSUPPORTED, "data.tar: compression '.Z' is unknown");
	plan = normal;
	plan.suffix = ".xz"; // but it is not compressed
	expect_err(&plan, SUT_E_FORMAT, "control.tar: not compressed as its name says");
}

TEST(deb, refuses_a_control_file_without_what_we_need)
{
	struct plan plan = normal;

	plan.control = NULL;
	expect_err(&plan, SUT_E_FORMAT, "control.tar: no file control");
	plan.control = "Package: a\nVersion: 1\n\nArchitecture: all\n";
	expect_err(&plan, SUT_E_FORMAT, "field Architecture is missing");
	plan.control = "Package:\nVersion: 1\nArchitecture: all\n";
	expect_err(&plan, SUT_E_FORMAT, "field Package is empty");
	plan.control = "Package: ../a\nVersion: 1\nArchitecture: all\n";
	expect_err(&plan, SUT_E_FORMAT, "field Package has a strange character");
	plan.control = "Package: a\nVersion: 1\033[2J\nArchitecture: all\n";
	expect_err(&plan, SUT_E_FORMAT, "field Version has a strange character");
}

TEST(deb, refuses_paths_that_leave_the_package_or_come_twice)
{
	struct plan plan = normal;

	plan.elf_path = "./usr/../../etc/x";
	expect_err(&plan, SUT_E_FORMAT, "leaves the package's folder");
	plan.elf_path = "..";
	expect_err(&plan, SUT_E_FORMAT, "leaves the package's folder");
	plan = normal;
	plan.has_second_elf = true;
	expect_err(&plan, SUT_E_FORMAT, "usr/lib/tiny.so is there twice");
}

/** Change the size in the tar header at @p tar to @p size. */
static void set_tar_size(char *tar, uint64_t size)
{
	unsigned int sum = 0;

	// POSIX ustar: size at 124, checksum at 148, counted as if it were blank.
	snprintf(tar + 124, 12, "%011lo", size);
	memset(tar + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += (uint8_t)tar[i];
	snprintf(tar + 148, 8, "%06o", sum);
}

TEST(deb, refuses_a_file_that_claims_to_be_huge)
{
	_cleanup_free_ struct output *o = make_deb(&normal);
	struct sut_deb deb;

	char *tar = memmem(o->bytes, o->size, "./usr/text", 10);
	EXPECT(tar);
	set_tar_size(tar, (512 << 20) + 1);
	EXPECT_ERR(sut_deb_init(bytes_of(o), &deb), SUT_E_FORMAT,
		   "data.tar: usr/text: larger than 512 MiB");
	set_tar_size(tar, 512 << 20);
	EXPECT_ERR(sut_deb_init(bytes_of(o), &deb), SUT_E_FORMAT, "data.tar: ");
}

TEST(deb, refuses_every_truncation)
{
	static const char *const filters[][2] = { { NULL, "" }, { "xz", ".xz" },
						  { "gzip", ".gz" }, { "zstd", ".zst" } };

	for (size_t f = 0; f < 4; f++) {
		struct plan plan = normal;

		plan.filter = filters[f][0];
		plan.suffix = filters[f][1];
		_cleanup_free_ struct output *o = make_deb(&plan);
		// Without compression many lengths are alike; an odd step meets
		// every residue. The byte after an odd last member is padding.
		size_t step = plan.filter ? 1 : 7;
		size_t last = o->bytes[o->size - 1] == '\n' ? o->size - 1 : o->size;
		for (size_t size = 0; size < last; size += step) {
			_cleanup_free_ uint8_t *cut = malloc(size + 1);
			struct sut_deb deb;

			EXPECT(cut);
			memcpy(cut + 1, o->bytes, size);
			EXPECT_ERR(sut_deb_init((struct sut_view){ cut + 1, size }, &deb),
				   SUT_E_FORMAT, "");
		}
	}
}

TEST(deb, survives_4000_damaged_packages)
{
	static const char *const filters[][2] = { { NULL, "" }, { "xz", ".xz" },
						  { "gzip", ".gz" }, { "zstd", ".zst" } };
	uint64_t state = 0xdeb;
	size_t n_taken = 0, n_refused = 0;

	for (size_t f = 0; f < 4; f++) {
		struct plan plan = normal;

		plan.filter = filters[f][0];
		plan.suffix = filters[f][1];
		_cleanup_free_ struct output *o = make_deb(&plan);
		for (size_t round = 0; round < 1000; round++) {
			_cleanup_free_ uint8_t *copy = malloc(o->size);
			struct sut_deb deb;

			EXPECT(copy);
			memcpy(copy, o->bytes, o->size);
			state = state * 6364136223846793005 + 1442695040888963407;
			copy[(state >> 33) % o->size] ^= 1 << (state >> 28 & 7);
			struct sut_err *err =
				sut_deb_init((struct sut_view){ copy, o->size }, &deb);
			n_refused += err != NULL;
			n_taken += err == NULL;
			if (!err)
				sut_deb_deinit(&deb);
			sut_err_free(err);
		}
	}
	EXPECT(n_taken > 0 && n_refused > 0);
}
