// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <link.h>
#include <string.h>
#include <unistd.h>

#include "process/find.h"
#include "process/snapshot.h"
#include "process/symbols.h"

TEST(module, reads_build_ids_in_hex)
{
	struct sut_build_id id, other;
	char longest[2 * SUT_MAX_BUILD_ID + 3];

	EXPECT(sut_build_id_parse("00ff1a", &id));
	EXPECT(id.size == 3 && id.bytes[0] == 0 && id.bytes[1] == 0xff && id.bytes[2] == 0x1a);
	EXPECT(sut_build_id_parse("00ff1a", &other) && sut_build_id_equal(&id, &other));
	EXPECT(sut_build_id_parse("00ff", &other) && !sut_build_id_equal(&id, &other));
	EXPECT(!sut_build_id_parse("", &id));
	EXPECT(!sut_build_id_parse("0", &id));
	EXPECT(!sut_build_id_parse("0G", &id));
	EXPECT(!sut_build_id_parse("0A", &id));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	EXPECT(!sut_build_id_parse(longest, &id));
	longest[2 * SUT_MAX_BUILD_ID] = 0;
	EXPECT(sut_build_id_parse(longest, &id) && id.size == SUT_MAX_BUILD_ID);
}

static int count_module(struct dl_phdr_info *info, size_t size, void *context)
{
	const struct sut_modules *modules = context;
	const struct sut_module *module =
		sut_modules_at(modules, info->dlpi_addr + info->dlpi_phdr[0].p_vaddr);

	(void)size;
	return module && module->base == info->dlpi_addr ? 0 : 1;
}

// What the dynamic linker says of this very process.
TEST(module, finds_every_module_of_a_process_at_its_base)
{
	struct sut_snapshot s;

	EXPECT_OK(sut_snapshot_open(getpid(), &s));
	EXPECT_OK(sut_snapshot_read(&s));
	EXPECT(s.modules.n >= 3);
	EXPECT(dl_iterate_phdr(count_module, &s.modules) == 0);
	const struct sut_module *own = sut_modules_at(&s.modules, (uintptr_t)count_module);
	EXPECT(own && own->eh_frame_hdr && own->dynamic && own->build_id.size == 20);
	EXPECT(sut_span_has(own->text, (uintptr_t)count_module));
	sut_snapshot_close(&s);
}

TEST(module, finds_the_processes_that_map_a_build)
{
	struct sut_snapshot s;
	struct sut_found found;
	bool has_us = false;

	EXPECT_OK(sut_snapshot_open(getpid(), &s));
	EXPECT_OK(sut_snapshot_read(&s));
	const struct sut_module *own = sut_modules_at(&s.modules, (uintptr_t)count_module);
	EXPECT_OK(sut_find_builds(&own->build_id, 1, &found));
	for (size_t i = 0; i < found.pids.n; i++)
		has_us |= found.pids.items[i] == getpid();
	EXPECT(has_us);
	sut_pids_deinit(&found.pids);
	sut_snapshot_close(&s);
}

TEST(symbols, are_found_where_the_dynamic_linker_found_them)
{
	struct sut_snapshot s;
	struct sut_scope scope;
	struct sut_definition d;
	bool is_found;

	EXPECT_OK(sut_snapshot_open(getpid(), &s));
	EXPECT_OK(sut_snapshot_read(&s));
	const struct sut_module *own = sut_modules_at(&s.modules, (uintptr_t)count_module);
	EXPECT_OK(sut_scope_init(&s, own, &scope));
	EXPECT_OK(sut_scope_find(&scope, "getpid", NULL, &is_found, &d));
	EXPECT(is_found && !d.is_ifunc);
	const struct sut_module *home = sut_modules_at(&s.modules, d.at);
	EXPECT(home && home != own && sut_span_has(home->text, d.at));
	// By version: the one that programs of this architecture ask for, and none.
	EXPECT_OK(sut_scope_find(&scope, "getpid", "GLIBC_2.2.5", &is_found, &d));
	EXPECT(is_found);
	EXPECT_OK(sut_scope_find(&scope, "getpid", "GLIBC_1.0", &is_found, &d));
	EXPECT(!is_found);
	EXPECT_OK(sut_scope_find(&scope, "no such symbol", NULL, &is_found, &d));
	EXPECT(!is_found);
	EXPECT_OK(sut_scope_find(&scope, "stpncpy", NULL, &is_found, &d));
	EXPECT(is_found && d.is_ifunc);
	sut_scope_deinit(&scope);
	sut_snapshot_close(&s);
}
