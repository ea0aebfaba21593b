// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <string.h>

#include "engine/row.h"

TEST(row, survives_the_way_from_a_worker)
{
	char name[] = "a \"name\"", reason[] = "why", hotpatches[] = "one, two";
	json_t *blocker = json_pack("{s:i}", "tid", 43);
	const struct sut_row row = {
		.pid = 42,
		.name = name,
		.outcome = SUT_OUTCOME_BUSY,
		.reason = reason,
		.hotpatches = hotpatches,
		.blocker = blocker,
		.n_threads = 7,
		.n_tries = 3,
		.pause = 1500,
		.place = 2500,
	};
	struct sut_row back;
	json_t *json = sut_row_to_json(&row);

	EXPECT_OK(sut_row_from_json(json, &back));
	EXPECT(back.pid == 42 && back.outcome == SUT_OUTCOME_BUSY && back.n_threads == 7);
	EXPECT(back.n_tries == 3 && back.pause == 1500 && back.place == 2500);
	EXPECT(strcmp(back.name, name) == 0 && json_equal(back.blocker, blocker));
	sut_row_deinit(&back);
	json_object_set_new(json, "outcome", json_string("splendid"));
	EXPECT_ERR(sut_row_from_json(json, &back), SUT_E_FORMAT, "malformed");
	json_object_del(json, "outcome");
	EXPECT_ERR(sut_row_from_json(json, &back), SUT_E_FORMAT, "malformed");
	json_decref(json);
	json_decref(blocker);
}

TEST(row, tells_errors_apart)
{
	static const struct {
		enum sut_code code;
		enum sut_outcome outcome;
	} cases[] = {
		{ SUT_E_BUSY, SUT_OUTCOME_BUSY },
		{ SUT_E_GONE, SUT_OUTCOME_GONE },
		{ SUT_E_UNSUPPORTED, SUT_OUTCOME_REFUSED },
		{ SUT_E_DENIED, SUT_OUTCOME_REFUSED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sut_row row = { .outcome = SUT_OUTCOME_PATCHED };
		sut_row_fail(&row, sut_err(cases[i].code, "because"));
		EXPECT(row.outcome == cases[i].outcome && strcmp(row.reason, "because") == 0);
		sut_row_deinit(&row);
	}
}
