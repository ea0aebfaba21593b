// SPDX-License-Identifier: Apache-2.0
#include "hub/auth/guard.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "base/hash.h"

// 64 MiB each, so that a hub on a small machine stays alive.
enum { MAX_HASHES = 2, MAX_WAITING = 16 };
// After so many failures who tries waits, each time longer. So many places that a stranger
// hardly ever shares one with an owner; those that nobody needed cost no memory.
enum { FREE_FAILURES = 5, MAX_DOUBLINGS = 20, N_KEYS = 1 << 20 };

/** What is known of one who failed. Keys that share a place share the waiting. */
struct suspect {
	int64_t n_failures;
	int64_t last; /**< Microseconds. */
};

struct sut_guard {
	pthread_mutex_t lock;
	pthread_cond_t is_free;
	int n_running, n_waiting;
	uint64_t seed; /**< Nobody can choose a name that shares another's place. */
	struct suspect suspects[N_KEYS];
	char nobody[SUT_PASSWORD_SIZE]; /**< A hash that no password has. */
};

static int hash(const char *password, char *ret)
{
	return crypto_pwhash_str(ret, password, strlen(password),
				 crypto_pwhash_OPSLIMIT_INTERACTIVE,
				 crypto_pwhash_MEMLIMIT_INTERACTIVE);
}

struct sut_err *sut_guard_new(struct sut_guard **ret)
{
	_cleanup_(sut_guard_freep) struct sut_guard *guard = calloc(1, sizeof(*guard));
	char random[33] = "";

	_Static_assert(SUT_PASSWORD_SIZE == crypto_pwhash_STRBYTES, "size of a hash");
	if (!guard)
		return sut_err_nomem();
	pthread_mutex_init(&guard->lock, NULL);
	pthread_cond_init(&guard->is_free, NULL);
	randombytes_buf(&guard->seed, sizeof(guard->seed));
	for (int i = 0; i < 32; i++)
		random[i] = 'a' + randombytes_uniform(26);
	if (hash(random, guard->nobody) != 0)
		return sut_err_nomem();
	*ret = steal(guard);
	return NULL;
}

void sut_guard_free(struct sut_guard *guard)
{
	if (!guard)
		return;
	pthread_cond_destroy(&guard->is_free);
	pthread_mutex_destroy(&guard->lock);
	free(guard);
}

static bool enter(struct sut_guard *guard)
{
	pthread_mutex_lock(&guard->lock);
	bool may_wait = guard->n_waiting < MAX_WAITING;
	guard->n_waiting++;
	while (may_wait && guard->n_running == MAX_HASHES)
		pthread_cond_wait(&guard->is_free, &guard->lock);
	guard->n_waiting--;
	guard->n_running += may_wait;
	pthread_mutex_unlock(&guard->lock);
	return may_wait;
}

static void leave(struct sut_guard *guard)
{
	pthread_mutex_lock(&guard->lock);
	guard->n_running--;
	pthread_cond_signal(&guard->is_free);
	pthread_mutex_unlock(&guard->lock);
}

struct sut_err *sut_guard_hash(struct sut_guard *guard, const char *password,
			       char ret[SUT_PASSWORD_SIZE])
{
	if (!enter(guard))
		return sut_err(SUT_E_BUSY, "too many passwords at once");
	int result = hash(password, ret);
	leave(guard);
	return result == 0 ? NULL : sut_err_nomem();
}

struct sut_err *sut_guard_check(struct sut_guard *guard, const char *password, const char *hash,
				bool *ret)
{
	if (!enter(guard))
		return sut_err(SUT_E_BUSY, "too many passwords at once");
	int result =
		crypto_pwhash_str_verify(hash ? hash : guard->nobody, password, strlen(password));
	leave(guard);
	*ret = result == 0 && hash;
	return NULL;
}

static struct suspect *find(struct sut_guard *guard, const char *key)
{
	return &guard->suspects[sut_hash(guard->seed, key, strlen(key)) % N_KEYS];
}

int64_t sut_guard_wait(struct sut_guard *guard, const char *key, int64_t most, int64_t now)
{
	pthread_mutex_lock(&guard->lock);
	struct suspect suspect = *find(guard, key);
	pthread_mutex_unlock(&guard->lock);

	if (suspect.n_failures < FREE_FAILURES)
		return 0;
	int64_t over = suspect.n_failures - FREE_FAILURES;
	int64_t wait = (int64_t)2 << (over < MAX_DOUBLINGS ? over : MAX_DOUBLINGS);
	if (wait > most)
		wait = most;
	int64_t left = wait - (now - suspect.last) / 1000000;
	return left > 0 ? left : 0;
}

void sut_guard_note(struct sut_guard *guard, const char *key, int64_t now, bool is_good)
{
	pthread_mutex_lock(&guard->lock);
	struct suspect *suspect = find(guard, key);
	// Old failures are forgotten.
	if (is_good || now - suspect->last > INT64_C(3600) * 1000000)
		suspect->n_failures = 0;
	suspect->n_failures += !is_good;
	suspect->last = now;
	pthread_mutex_unlock(&guard->lock);
}
