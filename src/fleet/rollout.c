// SPDX-License-Identifier: Apache-2.0
#include "fleet/release.h"
#include "fleet/rollout.h"

#include <string.h>

#include "base/json.h"
#include "fleet/shape.h"

static const char *const states[] = { "running",     "paused",   "completed",
				      "rolled-back", "recalled", NULL };
static const char *const ring_states[] = { "waiting", "open", "done", NULL };

#define AT(type, field)   .at = offsetof(struct type, field)
#define N_AT(type, field) .n_at = offsetof(struct type, field)

static const struct sut_shape ring_shape = {
	.size = sizeof(struct sut_rollout_ring),
	.members =
		(const struct sut_member[]){
			{ "name", SUT_MEMBER_NAME, AT(sut_rollout_ring, name) },
			{ "state", SUT_MEMBER_CHOICE, AT(sut_rollout_ring, state),
			  .words = ring_states },
			{ "opened", SUT_MEMBER_TIME, SUT_MEMBER_OPTIONAL,
			  AT(sut_rollout_ring, opened),
			  .has_at = offsetof(struct sut_rollout_ring, has_opened) },
			{ 0 },
		},
};

static const struct sut_shape rollout_shape = {
	.type = "rollout",
	.size = sizeof(struct sut_rollout),
	.members =
		(const struct sut_member[]){
			{ "id", SUT_MEMBER_RELEASE, AT(sut_rollout, id) },
			{ "release", SUT_MEMBER_RELEASE, AT(sut_rollout, release) },
			{ "baseline", SUT_MEMBER_RELEASE, AT(sut_rollout, baseline) },
			{ "state", SUT_MEMBER_CHOICE, AT(sut_rollout, state), .words = states },
			{ "rings", SUT_MEMBER_LIST, AT(sut_rollout, rings),
			  N_AT(sut_rollout, n_rings), .shape = &ring_shape },
			{ "decision", SUT_MEMBER_COUNT, AT(sut_rollout, decision) },
			{ "decided", SUT_MEMBER_TIME, AT(sut_rollout, decided) },
			{ "reason", SUT_MEMBER_TEXT, AT(sut_rollout, reason) },
			{ "expedited", SUT_MEMBER_BOOL, AT(sut_rollout, is_expedited) },
			{ 0 },
		},
};

static const struct sut_shape revocation_shape = {
	.type = "revocation",
	.size = sizeof(struct sut_revocation),
	.members =
		(const struct sut_member[]){
			{ "id", SUT_MEMBER_NAME, AT(sut_revocation, id) },
			{ "releases", SUT_MEMBER_NAMES, AT(sut_revocation, releases),
			  N_AT(sut_revocation, n_releases) },
			{ "hotpatches", SUT_MEMBER_NAMES, AT(sut_revocation, hotpatches),
			  N_AT(sut_revocation, n_hotpatches) },
			{ "reason", SUT_MEMBER_TEXT, AT(sut_revocation, reason) },
			{ "date", SUT_MEMBER_TIME, AT(sut_revocation, date) },
			{ 0 },
		},
};

const char *sut_rollout_state_name(enum sut_rollout_state state)
{
	return states[state];
}

bool sut_rollout_state_find(const char *word, enum sut_rollout_state *ret)
{
	for (int i = 0; states[i]; i++) {
		if (strcmp(states[i], word) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

const char *sut_ring_state_name(enum sut_ring_state state)
{
	return ring_states[state];
}

static struct sut_err *check_rollout(const struct sut_rollout *r)
{
	if (strcmp(r->id, r->release) != 0)
		return sut_err(SUT_E_FORMAT, "id \"%s\" is not that of release %s", r->id,
			       r->release);
	if (r->n_rings == 0)
		return sut_err(SUT_E_FORMAT, "has no ring");
	for (size_t i = 0; i < r->n_rings; i++) {
		const struct sut_rollout_ring *ring = &r->rings[i];
		if (ring->state != SUT_RING_WAITING && !ring->has_opened)
			return sut_err(SUT_E_FORMAT, "ring %s is %s, and was never opened",
				       ring->name, ring_states[ring->state]);
		if (sut_rollout_ring(r, ring->name) != ring)
			return sut_err(SUT_E_FORMAT, "ring %s is there twice", ring->name);
	}
	return NULL;
}

struct sut_err *sut_rollout_read(struct sut_view bytes, struct sut_rollout *ret)
{
	_cleanup_json_ json_t *json = NULL;
	struct sut_rollout rollout = { 0 };
	struct sut_err *err = sut_json_parse(bytes, &json);

	if (!err)
		err = sut_shape_read(&rollout_shape, json, &rollout);
	if (!err)
		err = check_rollout(&rollout);
	if (err) {
		sut_rollout_deinit(&rollout);
		return sut_err_wrap(err, "rollout");
	}
	*ret = rollout;
	return NULL;
}

void sut_rollout_deinit(struct sut_rollout *rollout)
{
	sut_shape_deinit(&rollout_shape, rollout);
}

json_t *sut_rollout_write(const struct sut_rollout *rollout)
{
	return sut_shape_write(&rollout_shape, rollout);
}

struct sut_rollout_ring *sut_rollout_ring(const struct sut_rollout *rollout, const char *name)
{
	for (size_t i = 0; i < rollout->n_rings; i++)
		if (strcmp(rollout->rings[i].name, name) == 0)
			return &rollout->rings[i];
	return NULL;
}

struct sut_err *sut_revocation_read(struct sut_view bytes, struct sut_revocation *ret)
{
	_cleanup_json_ json_t *json = NULL;
	struct sut_revocation revocation = { 0 };
	struct sut_err *err = sut_json_parse(bytes, &json);

	if (!err)
		err = sut_shape_read(&revocation_shape, json, &revocation);
	if (err)
		return sut_err_wrap(err, "revocation");
	*ret = revocation;
	return NULL;
}

void sut_revocation_deinit(struct sut_revocation *revocation)
{
	sut_shape_deinit(&revocation_shape, revocation);
}

json_t *sut_revocation_write(const struct sut_revocation *revocation)
{
	return sut_shape_write(&revocation_shape, revocation);
}
