// SPDX-License-Identifier: Apache-2.0
#include "hub/auth/attempt.h"

#include <stdio.h>

#include "base/time.h"
#include "hub/auth/guard.h"
#include "hub/hub.h"
#include "hub/text.h"

// What is counted, each for itself, and how long it waits at most. By the name alone one waits
// for moments only, and for long where the name was guessed at from that address. An address can
// be that of a whole office.
static const struct {
	const char *kind;
	bool has_name, has_address;
	int64_t most; /**< Seconds. */
} counted[] = {
	{ "name", true, false, 4 },
	{ "pair", true, true, 900 },
	{ "address", false, true, 60 },
};
enum { N_COUNTED = sizeof(counted) / sizeof(counted[0]), KEY_SIZE = 192 };

static const char *key_of(const struct sut_request *request, const char *name, int i,
			  char room[KEY_SIZE])
{
	snprintf(room, KEY_SIZE, "%s %s %s", counted[i].kind, counted[i].has_name ? name : "",
		 counted[i].has_address ? request->address : "");
	return room;
}

int64_t sut_attempt_wait(struct sut_hub *hub, const struct sut_request *request, const char *name)
{
	char room[KEY_SIZE];
	int64_t longest = 0;

	for (int i = 0; i < N_COUNTED; i++) {
		int64_t wait = sut_guard_wait(hub->guard, key_of(request, name, i, room),
					      counted[i].most, request->now);
		if (wait > longest)
			longest = wait;
	}
	return longest;
}

void sut_attempt_note(struct sut_hub *hub, const struct sut_request *request, const char *name,
		      bool is_good)
{
	char room[KEY_SIZE];

	for (int i = 0; i < N_COUNTED; i++)
		sut_guard_note(hub->guard, key_of(request, name, i, room), request->now, is_good);
}

struct sut_err *sut_attempt_refuse(struct sut_reply *reply, int64_t seconds)
{
	char text[24], span[SUT_SPAN_SIZE];

	sut_span_format(seconds, span);
	struct sut_err *err = sut_reply_problem(reply, 429, "slow-down",
						"Too many wrong passwords: try again in %s.", span);
	snprintf(text, sizeof(text), "%lld", (long long)seconds);
	return err ? err : sut_reply_header(reply, "Retry-After", text);
}
