// SPDX-License-Identifier: Apache-2.0
#include "hub/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void sut_log(enum sut_log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	// One write: lines of two threads do not mix.
	if (getenv("JOURNAL_STREAM"))
		dprintf(STDERR_FILENO, "<%d>%s\n", (int)level, text);
	else
		dprintf(STDERR_FILENO, "suture-hub: %s\n", text);
}
