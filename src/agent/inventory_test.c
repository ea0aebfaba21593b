// SPDX-License-Identifier: Apache-2.0
#include "agent/inventory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static bool is_text(char *text, const char *wanted)
{
	bool is_it = text && wanted ? strcmp(text, wanted) == 0 : !text && !wanted;

	free(text);
	return is_it;
}

TEST(inventory, tells_the_unit_of_a_control_group)
{
	EXPECT(is_text(sut_inventory_unit("0::/system.slice/web.service\n"), "web.service"));
	EXPECT(is_text(sut_inventory_unit("0::/system.slice/web.service/worker\n"), "web.service"));
	EXPECT(is_text(
		sut_inventory_unit("2:cpu:/x.service\n1:name=systemd:/system.slice/a.service"),
		"a.service"));
	EXPECT(is_text(sut_inventory_unit("0::/user.slice/user-1.slice/session-1.scope\n"), NULL));
	EXPECT(is_text(sut_inventory_unit("0::/\n"), NULL));
	EXPECT(is_text(sut_inventory_unit(""), NULL));
}

TEST(inventory, tells_the_container_of_a_control_group)
{
	EXPECT(is_text(sut_inventory_container("0::/system.slice/docker-0123abcd.scope\n"),
		       "0123abcd"));
	EXPECT(is_text(sut_inventory_container("0::/docker/0123abcd\n"), "0123abcd"));
	EXPECT(is_text(sut_inventory_container("0::/machine.slice/libpod-77.scope/container\n"),
		       "77"));
	EXPECT(is_text(sut_inventory_container("0::/lxc.payload.web/init.scope\n"), "web"));
	EXPECT(is_text(sut_inventory_container("0::/system.slice/web.service\n"), NULL));
}
