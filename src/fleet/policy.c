// SPDX-License-Identifier: Apache-2.0
#include "fleet/policy.h"

#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "fleet/shape.h"

const char sut_policy_usual[] =
	"{\"rings\": ["
	"{\"name\": \"test\", \"label\": \"Test\", \"percent\": 5,"
	" \"match\": {\"attribute\": \"role\", \"value\": \"canary\"},"
	" \"deferral_s\": 0, \"approval\": false, \"soak_s\": 3600, \"min_sample\": 1,"
	" \"success_rate\": 0.98, \"error_rate\": 0.01},"
	"{\"name\": \"fast\", \"label\": \"Fast\", \"percent\": 20, \"match\": null,"
	" \"deferral_s\": 0, \"approval\": false, \"soak_s\": 14400, \"min_sample\": 1,"
	" \"success_rate\": 0.95, \"error_rate\": 0.01},"
	"{\"name\": \"broad\", \"label\": \"Broad\", \"percent\": null, \"match\": null,"
	" \"deferral_s\": 0, \"approval\": false, \"soak_s\": 14400, \"min_sample\": 1,"
	" \"success_rate\": 0.95, \"error_rate\": 0.01}],"
	" \"on_red\": \"roll-back\"}";

static const char *const on_red_words[] = { "roll-back", "pause", NULL };

#define AT(type, field) .at = offsetof(struct type, field)

static const struct sut_shape match_shape = {
	.size = sizeof(struct sut_policy_match),
	.members =
		(const struct sut_member[]){
			{ "attribute", SUT_MEMBER_TEXT, AT(sut_policy_match, attribute) },
			{ "value", SUT_MEMBER_TEXT, AT(sut_policy_match, value) },
			{ 0 },
		},
};

static const struct sut_shape ring_shape = {
	.size = sizeof(struct sut_policy_ring),
	.members =
		(const struct sut_member[]){
			{ "name", SUT_MEMBER_NAME, AT(sut_policy_ring, name) },
			{ "label", SUT_MEMBER_TEXT, SUT_MEMBER_OPTIONAL,
			  AT(sut_policy_ring, label) },
			{ "percent", SUT_MEMBER_PERCENT, SUT_MEMBER_OPTIONAL,
			  AT(sut_policy_ring, percent),
			  .has_at = offsetof(struct sut_policy_ring, has_percent) },
			{ "match", SUT_MEMBER_OBJECT, SUT_MEMBER_OPTIONAL,
			  AT(sut_policy_ring, match),
			  .has_at = offsetof(struct sut_policy_ring, has_match),
			  .shape = &match_shape },
			{ "deferral_s", SUT_MEMBER_COUNT, AT(sut_policy_ring, deferral_s) },
			{ "approval", SUT_MEMBER_BOOL, AT(sut_policy_ring, needs_approval) },
			{ "soak_s", SUT_MEMBER_COUNT, AT(sut_policy_ring, soak_s) },
			{ "min_sample", SUT_MEMBER_COUNT, AT(sut_policy_ring, min_sample) },
			{ "success_rate", SUT_MEMBER_SHARE, AT(sut_policy_ring, success_rate) },
			{ "error_rate", SUT_MEMBER_SHARE, AT(sut_policy_ring, error_rate) },
			{ 0 },
		},
};

static const struct sut_shape policy_shape = {
	.size = sizeof(struct sut_policy),
	.members =
		(const struct sut_member[]){
			{ "rings", SUT_MEMBER_LIST, AT(sut_policy, rings),
			  .n_at = offsetof(struct sut_policy, n_rings), .shape = &ring_shape },
			{ "on_red", SUT_MEMBER_CHOICE, AT(sut_policy, on_red),
			  .words = on_red_words },
			{ 0 },
		},
};

static struct sut_err *check(struct sut_policy *policy)
{
	double percent = 0;

	if (policy->n_rings == 0)
		return sut_err(SUT_E_FORMAT, "\"rings\" is empty: it needs one ring at least");
	for (size_t i = 0; i < policy->n_rings; i++) {
		struct sut_policy_ring *ring = &policy->rings[i];
		if (sut_policy_ring(policy, ring->name) != ring)
			return sut_err(SUT_E_FORMAT, "ring %s is there twice", ring->name);
		if (!ring->label && !(ring->label = strdup(ring->name)))
			return sut_err_nomem();
		percent += ring->percent;
	}
	if (percent > 100)
		return sut_err(SUT_E_FORMAT, "the rings have %g percent together", percent);
	return NULL;
}

struct sut_err *sut_policy_from_json(const json_t *json, struct sut_policy *ret)
{
	struct sut_policy policy = { 0 };
	struct sut_err *err = sut_shape_read(&policy_shape, json, &policy);

	if (!err)
		err = check(&policy);
	if (err) {
		sut_policy_deinit(&policy);
		return sut_err_wrap(err, "policy");
	}
	*ret = policy;
	return NULL;
}

struct sut_err *sut_policy_read(struct sut_view bytes, struct sut_policy *ret)
{
	_cleanup_json_ json_t *json = NULL;
	struct sut_err *err = sut_json_parse(bytes, &json);

	if (err)
		return sut_err_wrap(err, "policy");
	return sut_policy_from_json(json, ret);
}

void sut_policy_deinit(struct sut_policy *policy)
{
	sut_shape_deinit(&policy_shape, policy);
}

json_t *sut_policy_write(const struct sut_policy *policy)
{
	return sut_shape_write(&policy_shape, policy);
}

const struct sut_policy_ring *sut_policy_ring(const struct sut_policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_rings; i++)
		if (strcmp(policy->rings[i].name, name) == 0)
			return &policy->rings[i];
	return NULL;
}

static const struct sut_policy_ring *match_attributes(const struct sut_policy *policy,
						      const json_t *attributes)
{
	for (size_t i = 0; i < policy->n_rings; i++) {
		const struct sut_policy_ring *ring = &policy->rings[i];
		if (!ring->has_match)
			continue;
		const char *value =
			json_string_value(json_object_get(attributes, ring->match.attribute));
		if (value && strcmp(value, ring->match.value) == 0)
			return ring;
	}
	return NULL;
}

// Where the id falls between 0 and 100, the same wherever it is asked.
static struct sut_err *hash_percent(const char *id, double *ret)
{
	struct sut_sha256 digest;
	struct sut_err *err =
		sut_sha256((struct sut_view){ (const uint8_t *)id, strlen(id) }, &digest);
	uint64_t number = 0;

	if (err)
		return err;
	for (int i = 0; i < 8; i++)
		number = number << 8 | digest.bytes[i];
	*ret = (double)number / 0x1p64 * 100;
	return NULL;
}

struct sut_err *sut_policy_assign(const struct sut_policy *policy,
				  const struct sut_policy_device *device,
				  const struct sut_policy_ring **ret)
{
	const struct sut_policy_ring *ring =
		device->assigned ? sut_policy_ring(policy, device->assigned) : NULL;
	double at, end = 0;

	if (!ring)
		ring = match_attributes(policy, device->attributes);
	if (ring) {
		*ret = ring;
		return NULL;
	}
	struct sut_err *err = hash_percent(device->id, &at);
	if (err)
		return err;
	for (size_t i = 0; i < policy->n_rings && !ring; i++) {
		end += policy->rings[i].percent;
		if (at < end)
			ring = &policy->rings[i];
	}
	*ret = ring ? ring : &policy->rings[policy->n_rings - 1];
	return NULL;
}
