// SPDX-License-Identifier: Apache-2.0
#include "agent/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

// One write for each line: the lines of several processes do not mix.
void sut_log(const char *fmt, ...)
{
	char line[2048];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	line[n] = '\n';
	if (write(STDERR_FILENO, line, n + 1) < 0)
		return; // nobody is left to be told
}

void sut_log_err(const char *what, struct sut_err *err)
{
	if (err)
		sut_log("%s: %s", what, err->msg);
	sut_err_free(err);
}
