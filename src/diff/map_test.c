// SPDX-License-Identifier: Apache-2.0
#include "diff/pair.h"

#include "test.h"

static struct sut_map_entry entries[] = {
	{ 0x100, 0x1100, 3, 0 },
	{ 0x140, 0x1140, 2, 1 },
	{ 0x180, 0x1190, 1, 0 },
};
static const struct sut_map map = { entries, 3 };

TEST(map, finds_what_was_voted_for)
{
	uint64_t to = 0;

	EXPECT(sut_map_look_up(&map, 0x140, &to) == SUT_MAP_EXACT && to == 0x1140);
	EXPECT(sut_map_find(&map, 0x180)->votes == 1);
	EXPECT(sut_map_find(&map, 0x141) == NULL);
}

TEST(map, trusts_neighbours_only_when_both_moved_alike)
{
	uint64_t to = 0;

	EXPECT(sut_map_look_up(&map, 0x120, &to) == SUT_MAP_BETWEEN && to == 0x1120);
	EXPECT(sut_map_look_up(&map, 0x160, &to) == SUT_MAP_NONE);
	EXPECT(sut_map_look_up(&map, 0x200, &to) == SUT_MAP_NONE);
	EXPECT(sut_map_look_up(&map, 0x80, &to) == SUT_MAP_NONE);
	EXPECT(to == 0x1120);
}
