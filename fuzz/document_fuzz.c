// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stdlib.h>

#include "fleet/baseline.h"
#include "fleet/calendar.h"
#include "fleet/policy.h"
#include "fleet/release.h"
#include "fleet/rollout.h"

#define TRY(noun)                                                                                  \
	static void try_##noun(struct sut_view bytes)                                              \
	{                                                                                          \
		struct sut_##noun value;                                                           \
		struct sut_err *err = sut_##noun##_read(bytes, &value);                            \
                                                                                                   \
		if (!err) {                                                                        \
			json_decref(sut_##noun##_write(&value));                                   \
			sut_##noun##_deinit(&value);                                               \
		}                                                                                  \
		sut_err_free(err);                                                                 \
	}
TRY(baseline)
TRY(release)
TRY(rollout)
TRY(revocation)
TRY(policy)

static void try_rule(struct sut_view bytes)
{
	struct sut_calendar_rule rule;
	struct sut_calendar calendar = { 0 };
	struct sut_err *err = sut_calendar_rule_read(bytes, &rule);

	if (!err) {
		json_decref(sut_calendar_rule_write(&rule));
		err = sut_calendar_init(&rule, 2026, NULL, 0, &calendar);
	}
	sut_calendar_deinit(&calendar);
	sut_err_free(err);
}

/** Any bytes at all: each kind of document parses them or refuses, and what was parsed can be
 *  written and freed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sut_view bytes = { data, size };

	try_baseline(bytes);
	try_release(bytes);
	try_rollout(bytes);
	try_revocation(bytes);
	try_policy(bytes);
	try_rule(bytes);
	return 0;
}
