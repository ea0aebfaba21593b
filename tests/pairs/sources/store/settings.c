// SPDX-License-Identifier: Apache-2.0
#include "store.h"

#include <stdlib.h>
#include <string.h>

struct settings settings = {
	.max_entries = 10000,
	.idle_seconds = 300,
	.max_line = 4096,
	.level = LEVEL_INFO,
	.greeting = "hello",
};

/** A number that can be set, with its bounds. */
static struct bound {
	const char *name;
	long least;
	long most;
	unsigned int n_changes;
} bounds[] = {
	{ "max-entries", 1, 1000000, 0 },
	{ "idle-seconds", 1, 86400, 0 },
	{ "max-line", 64, 1048576, 0 },
	{ "level", 0, 3, 0 },
};

static const unsigned short weights[16] = {
	1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987,
};

static int started_with = -1;

__attribute__((constructor)) static void settings_start(void)
{
	const char *level = getenv("STORE_LEVEL");
	long value;

	if (level && parse_long(level, &value) == 0)
		settings.level = value;
	started_with = settings.level;
}

/** How much of a budget a level of noise costs. */
unsigned int settings_weight(int level);
unsigned int settings_weight(int level)
{
	unsigned int sum = 0;

	for (int i = 0; i < 16 && i < level * 4; i++)
		sum += weights[i] * (i + started_with);
	return sum;
}

int settings_set(const char *name, const char *value)
{
	long number;

	if (strcmp(name, "greeting") == 0) {
		if (strlen(value) >= sizeof(settings.greeting))
			return -1;
		strcpy(settings.greeting, value);
		return 0;
	}
	if (parse_long(value, &number))
		return -1;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(*bounds); i++) {
		struct bound *b = &bounds[i];

		if (strcmp(b->name, name) != 0)
			continue;
		if (number < b->least || number > b->most)
			return -1;
		b->n_changes++;
		switch (i) {
		case 0:
			settings.max_entries = number;
			break;
		case 1:
			settings.idle_seconds = number;
			break;
		case 2:
			settings.max_line = number;
			break;
		case 3:
			settings.level = number;
			say(LEVEL_INFO, "level %ld weighs %u", number, settings_weight(number));
			break;
		}
		return 0;
	}
	return -1;
}
