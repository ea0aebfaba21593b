// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Users, sessions, API tokens and enrolment tokens in the store
 *
 * Of a secret only its digest is here, of a password its argon2id hash. Times are in
 * microseconds. The functions run inside of sut_store_write() or sut_store_read().
 */

#include <jansson.h>

#include "base/id.h"
#include "hub/store/store.h"

/** A user. Texts are copies of fixed size. */
struct sut_user {
	char id[SUT_ID_SIZE];
	char name[64];
	char role[16];
	char password[128]; /**< argon2id, as crypto_pwhash_str() writes it. */
};

/** Find the user @p name; @p has_ret is false when there is none. */
sut_check struct sut_err *sut_user_find(struct sut_tx *tx, const char *name, struct sut_user *ret,
					bool *has_ret);
sut_check struct sut_err *sut_user_add(struct sut_tx *tx, const struct sut_user *user, int64_t now);
/** Set the password and end all sessions of the user @p id. */
sut_check struct sut_err *sut_user_set_password(struct sut_tx *tx, const char *id,
						const char *password);
/** Delete the user with all sessions. */
sut_check struct sut_err *sut_user_delete(struct sut_tx *tx, const char *id);
/** How many users have @p role. */
sut_check struct sut_err *sut_user_count(struct sut_tx *tx, const char *role, int64_t *ret);
/** All users behind the name @p after ("": from the first), @p limit at most, by name, as the
 *  API shows them. */
sut_check struct sut_err *sut_user_list(struct sut_tx *tx, const char *after, int64_t limit,
					json_t **ret, int64_t *total_ret);

sut_check struct sut_err *sut_session_add(struct sut_tx *tx, const char *digest,
					  const char *user_id, int64_t now);
/** Find who has the session with @p digest that was begun after @p begun_after and used after
 *  @p used_after; @p used_ret: when it was last used. */
sut_check struct sut_err *sut_session_find(struct sut_tx *tx, const char *digest,
					   int64_t begun_after, int64_t used_after,
					   struct sut_user *ret, int64_t *used_ret, bool *has_ret);
sut_check struct sut_err *sut_session_touch(struct sut_tx *tx, const char *digest, int64_t now);
sut_check struct sut_err *sut_session_delete(struct sut_tx *tx, const char *digest);
/** Forget all sessions that were begun before, or last used before. */
sut_check struct sut_err *sut_session_sweep(struct sut_tx *tx, int64_t begun_before,
					    int64_t used_before);

/** A secret that was given out: for programs, or for devices that enrol. */
struct sut_token {
	char id[SUT_ID_SIZE];
	char label[128];
	char role[16];   /**< Of an API token. */
	char ring[64];   /**< Of an enrolment token: its devices' ring, or "". */
	int64_t uses;    /**< Of an enrolment token. */
	int64_t expires; /**< 0: never. */
};

sut_check struct sut_err *sut_api_token_add(struct sut_tx *tx, const struct sut_token *token,
					    const char *digest, const char *actor, int64_t now);
/** Find the token with @p digest that is good at @p now. */
sut_check struct sut_err *sut_api_token_find(struct sut_tx *tx, const char *digest, int64_t now,
					     struct sut_token *ret, bool *has_ret);
/** Delete; @p has_ret is false when there is none. */
sut_check struct sut_err *sut_api_token_delete(struct sut_tx *tx, const char *id, bool *has_ret);
/** Those behind the id @p after, in the order in which they were made. */
sut_check struct sut_err *sut_api_token_list(struct sut_tx *tx, const char *after, int64_t limit,
					     json_t **ret, int64_t *total_ret);

sut_check struct sut_err *sut_enrolment_token_add(struct sut_tx *tx, const struct sut_token *token,
						  const char *digest, const char *actor,
						  int64_t now);
/** Whether there is a token with @p digest that has not expired at @p now, used up or not. */
sut_check struct sut_err *sut_enrolment_token_check(struct sut_tx *tx, const char *digest,
						    int64_t now, bool *ret);
/** Use the token with @p digest once; @p has_ret is false when there is none that is good at
 *  @p now and has a use left. */
sut_check struct sut_err *sut_enrolment_token_use(struct sut_tx *tx, const char *digest,
						  int64_t now, struct sut_token *ret,
						  bool *has_ret);
sut_check struct sut_err *sut_enrolment_token_delete(struct sut_tx *tx, const char *id,
						     bool *has_ret);
sut_check struct sut_err *sut_enrolment_token_list(struct sut_tx *tx, const char *after,
						   int64_t limit, json_t **ret, int64_t *total_ret);
