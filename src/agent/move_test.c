// SPDX-License-Identifier: Apache-2.0
#include "agent/move.h"

#include <string.h>

#include "fleet/baseline.h"
#include "test.h"

TEST(move, orders_versions_as_dpkg_does)
{
	// Each older than the next (deb-version(7)).
	static const char *const versions[] = { "0~~",       "0~~a",   "0~",       "0",
						"1.0~rc1-1", "1.0-1",  "1.0-1+b1", "1.0-1.1",
						"1.0-2",     "1.0-10", "1.0a-1",   "1.0b-1",
						"1.0.1-1",   "1.9-1",  "1.10-1",   "1:0.1-1" };
	size_t n = sizeof(versions) / sizeof(versions[0]);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			int order = sut_move_compare(versions[i], versions[j]);
			EXPECT(i < j ? order < 0 : i > j ? order > 0 : order == 0);
		}
	EXPECT(sut_move_compare("1.0-01", "1.0-1") == 0);
}

static const char status[] = "Package: web\n"
			     "Status: install ok installed\n"
			     "Architecture: amd64\n"
			     "Version: 1.0-1\n"
			     "Description: a server\n"
			     " Version: 9 is not its version\n"
			     "\n"
			     "Package: newer\n"
			     "Status: install ok installed\n"
			     "Architecture: amd64\n"
			     "Version: 3.0-1\n"
			     "\n"
			     "Package: removed\n"
			     "Status: deinstall ok config-files\n"
			     "Architecture: amd64\n"
			     "Version: 1.0-1\n"
			     "\n"
			     "Package: held\n"
			     "Status: hold ok installed\n"
			     "Architecture: all\n"
			     "Version: 1.0-1";

TEST(move, moves_what_is_installed_and_older)
{
	struct sut_baseline_package packages[] = {
		{ .name = "web", .version = "1.0-2", .architecture = "amd64" },
		{ .name = "newer", .version = "2.0-1", .architecture = "amd64" },
		{ .name = "removed", .version = "2.0-1", .architecture = "amd64" },
		{ .name = "absent", .version = "2.0-1", .architecture = "amd64" },
		{ .name = "held", .version = "1.0-2", .architecture = "all" },
	};
	struct sut_baseline baseline = { .packages = packages, .n_packages = 5 };
	json_t *list;

	EXPECT_OK(sut_move_packages(
		&baseline, (struct sut_view){ (const uint8_t *)status, strlen(status) }, &list));
	EXPECT(json_array_size(list) == 2);
	char *text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS);
	EXPECT(strcmp(text,
		      "[{\"architecture\":\"amd64\",\"from\":\"1.0-1\",\"hold\":false,"
		      "\"name\":\"web\",\"to\":\"1.0-2\"},{\"architecture\":\"all\","
		      "\"from\":\"1.0-1\",\"hold\":true,\"name\":\"held\",\"to\":\"1.0-2\"}]") ==
	       0);
	free(text);
	json_decref(list);
}
