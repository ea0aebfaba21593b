// SPDX-License-Identifier: Apache-2.0
#include "process/execs.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <unistd.h>

#include "process/news.h"

struct sut_err *sut_execs_open(struct sut_execs *ret)
{
	// Of all that the kernel would tell, only this wakes us. The answer to the
	// subscription is PROC_EVENT_NONE.
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SUT_NEWS_EVENT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sut_news_wish wish = {
		.of = "executed programs",
		.event = PROC_EVENT_EXEC,
		.filter = { sizeof(code) / sizeof(code[0]), code },
		.room = 4 * 1024 * 1024,
	};

	return sut_news_open(&wish, &ret->fd);
}

void sut_execs_close(struct sut_execs *execs)
{
	if (execs->fd >= 0)
		close(execs->fd);
	execs->fd = -1;
}

enum sut_execs_news sut_execs_next(const struct sut_execs *execs, pid_t *ret)
{
	struct proc_event event;

	for (;;) {
		enum sut_news news = sut_news_next(execs->fd, &event);
		if (news != SUT_NEWS_ONE)
			return news == SUT_NEWS_LOST ? SUT_EXECS_LOST : SUT_EXECS_NONE;
		if (event.what != PROC_EVENT_EXEC)
			continue;
		*ret = event.event_data.exec.process_tgid;
		return SUT_EXECS_ONE;
	}
}
