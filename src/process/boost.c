// SPDX-License-Identifier: Apache-2.0
#include "process/boost.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct sut_boost {
	pid_t tid;
	uint32_t *lock;       /**< The futex, in a mapping of its own. */
	pthread_t thread;     /**< The helper. */
	_Atomic bool is_over; /**< The helper has let go. */
};

// Shared, so that the kernel knows the lock by this mapping and not by our address
// space: its holder lives in another.
static uint32_t *new_lock(void)
{
	void *page = mmap(NULL, sizeof(uint32_t), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

// However long somebody means to wait for the thread, it is not boosted for longer.
static void *help(void *argument)
{
	static const time_t at_most = 2; // s
	const struct sched_param param = { .sched_priority = 1 };
	struct sut_boost *boost = argument;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += at_most;
	if (sched_setscheduler(0, SCHED_FIFO, &param) == 0)
		syscall(SYS_futex, boost->lock, FUTEX_LOCK_PI, 0, &until, NULL, 0);
	boost->is_over = true;
	return NULL;
}

static void do_nothing(int sig)
{
	(void)sig;
}

static struct sut_boost *new_boost(pid_t tid)
{
	struct sut_boost *boost = calloc(1, sizeof(*boost));
	if (!boost)
		return NULL;
	boost->tid = tid;
	boost->lock = new_lock();
	if (boost->lock) {
		*boost->lock = tid;
		if (pthread_create(&boost->thread, NULL, help, boost) == 0)
			return boost;
		munmap(boost->lock, sizeof(*boost->lock));
	}
	free(boost);
	return NULL;
}

void sut_boost_begin(struct sut_boost **boost, pid_t tid)
{
	// It is what ends the helper's wait, which begins anew behind any signal and
	// then finds the lock free.
	const struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };

	if (sut_boost_has(*boost, tid))
		return;
	sut_boost_end(boost);
	sigaction(SIGUSR1, &action, NULL);
	*boost = new_boost(tid);
}

void sut_boost_end(struct sut_boost **boost)
{
	static const struct timespec moment = { .tv_nsec = 20000 };
	struct sut_boost *b = *boost;

	if (!b)
		return;
	__atomic_store_n(b->lock, 0, __ATOMIC_SEQ_CST);
	// Again, because the first signal may come just before it waits.
	while (!b->is_over) {
		pthread_kill(b->thread, SIGUSR1);
		nanosleep(&moment, NULL);
	}
	pthread_join(b->thread, NULL);
	munmap(b->lock, sizeof(*b->lock));
	free(b);
	*boost = NULL;
}

bool sut_boost_has(const struct sut_boost *boost, pid_t tid)
{
	return boost && boost->tid == tid;
}
