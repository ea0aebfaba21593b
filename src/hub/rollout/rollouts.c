// SPDX-License-Identifier: Apache-2.0
#include "hub/rollout/rollouts.h"

#include <string.h>

#include "base/time.h"
#include "hub/rollout/known.h"
#include "hub/rollout/order.h"
#include "hub/rollout/parts.h"
#include "hub/rollout/publisher.h"
#include "hub/store/rollout.h"

const struct sut_known *sut_rollouts_look(struct sut_rollouts *rollouts)
{
	pthread_rwlock_rdlock(&rollouts->lock);
	return rollouts->known;
}

void sut_rollouts_leave(struct sut_rollouts *rollouts)
{
	pthread_rwlock_unlock(&rollouts->lock);
}

void sut_rollouts_wake(struct sut_rollouts *rollouts, bool is_quiet)
{
	pthread_mutex_lock(&rollouts->mutex);
	rollouts->is_nudged = true;
	rollouts->is_urgent |= !is_quiet;
	if (!is_quiet)
		pthread_cond_signal(&rollouts->cond);
	pthread_mutex_unlock(&rollouts->mutex);
}

void sut_rollouts_read_trouble(struct sut_rollouts *rollouts, struct sut_rollouts_trouble *ret)
{
	pthread_mutex_lock(&rollouts->mutex);
	*ret = rollouts->trouble;
	pthread_mutex_unlock(&rollouts->mutex);
}

/** A picture that is being read from the store. */
struct renewal {
	const struct sut_channel *channel;
	struct sut_known *known; /**< All zero. */
};

static struct sut_err *read_known(struct sut_tx *tx, void *context)
{
	struct renewal *renewal = context;

	return sut_known_read(tx, renewal->channel, renewal->known);
}

static void free_known(struct sut_known *known)
{
	if (known)
		sut_known_deinit(known);
	free(known);
}

static void free_channel(struct sut_channel *channel)
{
	if (channel)
		sut_channel_deinit(channel);
	free(channel);
}

// Nobody else makes a picture meanwhile.
static struct sut_err *renew(struct sut_rollouts *rollouts, struct sut_channel *channel)
{
	struct renewal renewal = {
		.channel = channel ? channel : rollouts->channel,
		.known = calloc(1, sizeof(*renewal.known)),
	};
	struct sut_err *err =
		renewal.known ? sut_store_read(rollouts->hub->store, read_known, &renewal) :
				sut_err_nomem();

	if (err) {
		free(renewal.known);
		free_channel(channel);
		return err;
	}
	pthread_rwlock_wrlock(&rollouts->lock);
	struct sut_known *old = rollouts->known;
	struct sut_channel *old_channel = channel ? rollouts->channel : NULL;
	rollouts->known = renewal.known;
	if (channel)
		rollouts->channel = channel;
	rollouts->epoch = sut_time_now_us();
	pthread_rwlock_unlock(&rollouts->lock);
	free_known(old);
	free_channel(old_channel);
	return NULL;
}

struct sut_err *sut_rollouts_renew(struct sut_rollouts *rollouts, struct sut_channel *channel)
{
	pthread_mutex_lock(&rollouts->maker);
	struct sut_err *err = renew(rollouts, channel);
	pthread_mutex_unlock(&rollouts->maker);
	return err;
}

static struct sut_err *open_parts(struct sut_rollouts *rollouts)
{
	const struct sut_hub_config *config = &rollouts->hub->config;
	struct sut_err *err = NULL;

	rollouts->channel = calloc(1, sizeof(*rollouts->channel));
	if (!rollouts->channel)
		return sut_err_nomem();
	rollouts->trouble.has_repository = config->repository != NULL;
	if (config->repository)
		err = sut_publisher_open(config->repository, config->keys, config->passphrase_file,
					 &rollouts->publisher);
	return err ? err : sut_rollouts_renew(rollouts, NULL);
}

// Many look, one changes: without this preference the one might never have its turn.
static void init_lock(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attributes;

	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
}

struct sut_err *sut_rollouts_open(struct sut_hub *hub, struct sut_rollouts **ret)
{
	struct sut_rollouts *rollouts = calloc(1, sizeof(*rollouts));

	if (!rollouts)
		return sut_err_nomem();
	rollouts->hub = hub;
	pthread_mutex_init(&rollouts->mutex, NULL);
	pthread_mutex_init(&rollouts->maker, NULL);
	pthread_cond_init(&rollouts->cond, NULL);
	init_lock(&rollouts->lock);
	struct sut_err *err = open_parts(rollouts);
	if (!err) {
		// A report is judged once, by what is known then: also the first one.
		sut_rollouts_read(rollouts);
		int failed = pthread_create(&rollouts->thread, NULL, sut_rollouts_run, rollouts);
		err = failed ? sut_err_os(failed, "start a thread") : NULL;
		rollouts->is_running = !failed;
	}
	if (err) {
		sut_rollouts_close(rollouts);
		return err;
	}
	*ret = rollouts;
	return NULL;
}

void sut_rollouts_close(struct sut_rollouts *rollouts)
{
	if (!rollouts)
		return;
	if (rollouts->is_running) {
		pthread_mutex_lock(&rollouts->mutex);
		rollouts->is_ending = true;
		pthread_cond_signal(&rollouts->cond);
		pthread_mutex_unlock(&rollouts->mutex);
		pthread_join(rollouts->thread, NULL);
	}
	sut_publisher_close(rollouts->publisher);
	free_known(rollouts->known);
	free_channel(rollouts->channel);
	pthread_mutex_destroy(&rollouts->mutex);
	pthread_mutex_destroy(&rollouts->maker);
	pthread_cond_destroy(&rollouts->cond);
	pthread_rwlock_destroy(&rollouts->lock);
	free(rollouts);
}
