// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <stdlib.h>
#include <sys/sysmacros.h>

#include "process/maps.h"

static const char sample[] =
	"55d0c8a00000-55d0c8a02000 r--p 00000000 fe:01 1311234                    /usr/bin/cat\n"
	"55d0c8a02000-55d0c8a07000 r-xp 00002000 fe:01 1311234                    /usr/bin/cat\n"
	"55d0c9000000-55d0c9021000 rw-p 00000000 00:00 0                          [heap]\n"
	"7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
	"7f0000100000-7f0000101000 r-xs 00001000 103:02 7 /tmp/a file (deleted)\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

static struct sut_view view_of(const char *text, size_t size)
{
	return (struct sut_view){ (const uint8_t *)text, size };
}

TEST(maps, reads_every_field)
{
	struct sut_maps maps;

	EXPECT_OK(sut_maps_parse(view_of(sample, sizeof(sample) - 1), &maps));
	EXPECT(maps.n == 6);
	const struct sut_mapping *text = &maps.items[1];
	EXPECT(text->span.start == 0x55d0c8a02000 && text->span.end == 0x55d0c8a07000);
	EXPECT(text->is_readable && !text->is_writable && text->is_executable && !text->is_shared);
	EXPECT(text->off == 0x2000 && text->dev == makedev(0xfe, 1) && text->inode == 1311234);
	EXPECT(strcmp(text->path, "/usr/bin/cat") == 0);
	EXPECT(strcmp(maps.items[3].path, "") == 0 && maps.items[3].inode == 0);
	EXPECT(strcmp(maps.items[4].path, "/tmp/a file (deleted)") == 0);
	EXPECT(maps.items[4].is_shared && maps.items[4].dev == makedev(0x103, 2));
	EXPECT(!maps.items[5].is_readable && maps.items[5].is_executable);
	sut_maps_deinit(&maps);
}

TEST(maps, finds_the_mapping_of_an_address)
{
	struct sut_maps maps;

	EXPECT_OK(sut_maps_parse(view_of(sample, sizeof(sample) - 1), &maps));
	EXPECT(sut_maps_at(&maps, 0x55d0c89fffff) == NULL);
	EXPECT(sut_maps_at(&maps, 0x55d0c8a00000) == &maps.items[0]);
	EXPECT(sut_maps_at(&maps, 0x55d0c8a02000) == &maps.items[1]);
	EXPECT(sut_maps_at(&maps, 0x55d0c8a07000) == NULL);
	EXPECT(sut_maps_at(&maps, UINT64_MAX) == NULL);
	EXPECT(sut_maps_named(&maps, "[heap]") == &maps.items[2]);
	EXPECT(sut_maps_named(&maps, "[stack]") == NULL);
	sut_maps_deinit(&maps);
}

TEST(maps, refuses_malformed_lines)
{
	static const char *const bad[] = {
		"\n",
		"55d0c8a00000-55d0c8a02000\n",
		"55d0c8a00000-55d0c8a02000 r--p 0 fe:01 12x /a\n",
		"55d0c8a02000-55d0c8a02000 r--p 00000000 fe:01 1 /a\n",
		"155d0c8a00000000000-2 r--p 00000000 fe:01 1 /a\n",
		"1000-2000 r--p 00000000 fe:01 99999999999999999999999 /a\n",
		"1000-2000 r--p 00000000 fe01 9 /a\n",
	};
	struct sut_maps maps;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_ERR(sut_maps_parse(view_of(bad[i], strlen(bad[i])), &maps), SUT_E_FORMAT,
			   "maps line 1 is malformed");
}

TEST(maps, says_busy_when_two_lines_overlap)
{
	static const char text[] = "1000-3000 r--p 00000000 00:00 0 \n"
				   "2000-4000 r--p 00000000 00:00 0 \n";
	struct sut_maps maps;

	EXPECT_ERR(sut_maps_parse(view_of(text, sizeof(text) - 1), &maps), SUT_E_BUSY,
		   "overlaps");
}

// Each cut is copied to memory of exactly its size, so that a sanitizer or
// valgrind sees a read beyond it.
TEST(maps, survives_every_truncation)
{
	size_t whole = 0;

	for (size_t size = 0; size < sizeof(sample); size++) {
		struct sut_maps maps;
		char *cut = malloc(size + 1);
		EXPECT(cut);
		memcpy(cut, sample, size);
		struct sut_err *err = sut_maps_parse(view_of(cut, size), &maps);
		if (!err) {
			whole++;
			sut_maps_deinit(&maps);
		} else {
			EXPECT_ERR(err, SUT_E_FORMAT, "maps line");
		}
		free(cut);
	}
	EXPECT(whole == 7); // only at the ends of lines, and the empty text
}
