// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Rollouts, revocations, and what a device wants
 *
 * A rollout is the way of one release through the rings, as the target
 * `rollouts/RELEASE.json`; each decision is a new one, signed by the hub (or by the
 * release engineer where there is none). A revocation is the release engineer's signed
 * word that a release or a hotpatch must leave every process, as the target
 * `revocations/ID.json`.
 *
 *     releases ─┐
 *     rollouts ─┼─► sut_want_init(ring, what it has) ──► the release wanted, and why
 *     revocations                                        the hotpatch wanted for a build
 */

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/view.h"
#include "fleet/coverage.h"

struct sut_release;

enum sut_rollout_state {
	SUT_ROLLOUT_RUNNING,
	SUT_ROLLOUT_PAUSED,
	SUT_ROLLOUT_COMPLETED,
	SUT_ROLLOUT_ROLLED_BACK,
	SUT_ROLLOUT_RECALLED,
};

/** "rolled-back" */
const char *sut_rollout_state_name(enum sut_rollout_state state);
/** And back; false if @p word is none. */
bool sut_rollout_state_find(const char *word, enum sut_rollout_state *ret);

enum sut_ring_state {
	SUT_RING_WAITING,
	SUT_RING_OPEN, /**< Its devices take the release. */
	SUT_RING_DONE, /**< They still do; its gates were passed. */
};

/** "waiting" */
const char *sut_ring_state_name(enum sut_ring_state state);

/** A ring of a rollout. Owns its name. */
struct sut_rollout_ring {
	char *name;
	int state;       /**< enum sut_ring_state. */
	bool has_opened; /**< Has it ever been open? */
	int64_t opened;  /**< When, if so. */
};

/** A rollout. Owns everything. All zero is a valid empty one. */
struct sut_rollout {
	char *id;      /**< The release's name. */
	char *release; /**< Likewise. */
	char *baseline;
	int state;                      /**< enum sut_rollout_state. */
	struct sut_rollout_ring *rings; /**< In the order in which they open. */
	size_t n_rings;
	uint64_t decision; /**< Rises by one with each decision. */
	int64_t decided;
	char *reason; /**< A sentence, why it was decided so. */
	bool is_expedited;
};

/** Read a document. SUT_E_FORMAT says which member is wrong; also an id that is not the
 *  release's, no ring at all, or one twice. */
sut_check struct sut_err *sut_rollout_read(struct sut_view bytes, struct sut_rollout *ret);
void sut_rollout_deinit(struct sut_rollout *rollout);
/** The document as JSON, a new reference; NULL when out of memory. */
json_t *sut_rollout_write(const struct sut_rollout *rollout);
/** Find the ring, or NULL. Borrowed. */
struct sut_rollout_ring *sut_rollout_ring(const struct sut_rollout *rollout, const char *name);

/** A revocation. Owns everything. All zero is a valid empty one. */
struct sut_revocation {
	char *id;
	char **releases;
	size_t n_releases;
	char **hotpatches; /**< Names. */
	size_t n_hotpatches;
	char *reason; /**< A sentence. */
	int64_t date;
};

sut_check struct sut_err *sut_revocation_read(struct sut_view bytes, struct sut_revocation *ret);
void sut_revocation_deinit(struct sut_revocation *revocation);
json_t *sut_revocation_write(const struct sut_revocation *revocation);

/** All that a repository says. Borrows everything; in any order. */
struct sut_catalogue {
	const struct sut_release *releases;
	size_t n_releases;
	const struct sut_rollout *rollouts;
	size_t n_rollouts;
	const struct sut_revocation *revocations;
	size_t n_revocations;
};

/** The revocation of release @p name, or NULL. Borrowed. */
const struct sut_revocation *sut_catalogue_revoked(const struct sut_catalogue *catalogue,
						   const char *name);
/** The revocation of hotpatch @p name by itself, or NULL. Borrowed. */
const struct sut_revocation *sut_catalogue_revoked_hotpatch(const struct sut_catalogue *catalogue,
							    const char *name);
/** The rollout of release @p name, or NULL. Borrowed. */
const struct sut_rollout *sut_catalogue_rollout(const struct sut_catalogue *catalogue,
						const char *name);

/** What becomes of a release on a device of a ring. */
enum sut_want_why {
	SUT_WANT_TAKE,         /**< Ring open: take it. */
	SUT_WANT_KEEP,         /**< Paused, and the device has it: keep it. */
	SUT_WANT_NO_ROLLOUT,   /**< Nobody has begun to roll it out. */
	SUT_WANT_RING_WAITING, /**< Its ring is not open yet. */
	SUT_WANT_PAUSED,       /**< Paused, and the device does not have it. */
	SUT_WANT_ROLLED_BACK,
	SUT_WANT_RECALLED, /**< By the rollout or by a revocation. */
};

/** May the device have it? */
bool sut_want_is_allowed(enum sut_want_why why);

/** Decide about one release. @p ring: of the device; one that the rollout does not name
 *  waits until the rollout is completed. @p has: the release that the device has, or NULL. */
enum sut_want_why sut_want_why(const struct sut_catalogue *catalogue,
			       const struct sut_release *release, const char *ring,
			       const char *has);

/** What a device wants. Owns the lists; borrows the catalogue. All zero is valid: nothing. */
struct sut_want {
	const struct sut_catalogue *catalogue;
	/** The releases that the device may have, the newest first. The first is the one
	 *  wanted; the later ones matter for devices on older baselines. */
	const struct sut_release **allowed;
	size_t n_allowed;
	const struct sut_release *release; /**< The one wanted; NULL: none, so take out all. */
	const struct sut_release *newest;  /**< The newest that there is, allowed or not; NULL:
					    *   there is none. */
	enum sut_want_why newest_why;      /**< What becomes of that one. */
	/** Why a build that only the newest closes is open: SUT_REASON_PROTECTED when the
	 *  newest is wanted. */
	enum sut_coverage reason;
	char *text; /**< A sentence about the newest and the wanted release. */
};

sut_check struct sut_err *sut_want_init(const struct sut_catalogue *catalogue, const char *ring,
					const char *has, struct sut_want *ret);
void sut_want_deinit(struct sut_want *want);

/** Find the hotpatch that a process with build @p build_id must carry, or NULL: that of
 *  the newest allowed release which has one that is not revoked. @p release_ret: its
 *  release; may be NULL. Borrowed. */
const struct sut_release_hotpatch *sut_want_hotpatch(const struct sut_want *want,
						     const char *build_id,
						     const struct sut_release **release_ret);

/** Why does a process with build @p build_id carry what sut_want_hotpatch() says, and no
 *  more? The newest release that tells of the build decides; @p release_ret is that one,
 *  NULL when none does (then it is protected, as far as anybody knows); may be NULL.
 *  Borrowed. SUT_REASON_PROTECTED: what it carries closes everything that is known, or it
 *  is the fixed build itself.
 *
 *  @p path: of the file, absolute, or NULL when not known. A build that no release knows,
 *  of a file that one patches, is SUT_REASON_UNKNOWN_BUILD. */
enum sut_coverage sut_want_reason(const struct sut_want *want, const char *build_id, const char *path,
				const struct sut_release **release_ret);
