// SPDX-License-Identifier: Apache-2.0
#include "process/alarm.h"

#include <signal.h>
#include <unistd.h>

// The C library's name for it is younger than the field.
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void do_nothing(int sig)
{
	(void)sig;
}

void sut_alarm_begin(uint64_t deadline, struct sut_alarm *ret)
{
	static const long again = 1000000; // ns
	// Without SA_RESTART: to interrupt is all that it is for.
	const struct sigaction action = { .sa_handler = do_nothing };
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	const struct itimerspec time = {
		.it_value = { deadline / 1000000000, deadline % 1000000000 },
		.it_interval = { 0, again },
	};
	sigset_t set;

	event.sigev_notify_thread_id = gettid();
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	ret->is_set = timer_create(CLOCK_MONOTONIC, &event, &ret->timer) == 0;
	if (ret->is_set)
		timer_settime(ret->timer, TIMER_ABSTIME, &time, NULL);
}

void sut_alarm_end(struct sut_alarm *alarm)
{
	if (alarm->is_set)
		timer_delete(alarm->timer);
	alarm->is_set = false;
}
