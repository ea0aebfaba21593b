// SPDX-License-Identifier: Apache-2.0
/** 8 (strlen) * 1000 + 1 (getpid is right) + 2 (environ is there) + 4 (the weak one
 *  is not) + 8 (errno is the thread's own) + 16 (strtol through a pointer). */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int answer(const char *text);
extern int exported __attribute__((visibility("hidden")));
extern char **environ;
__attribute__((weak)) int nowhere(void);

int answer(const char *text)
{
	long (*volatile number)(const char *, char **, int) = strtol;
	int result = strlen(text) * 1000;

	result += getpid() == syscall(SYS_getpid) ? 1 : 0;
	result += environ && environ[0] ? 2 : 0;
	result += nowhere ? 0 : 4;
	errno = 0;
	close(-1);
	result += errno == EBADF ? 8 : 0;
	result += number("16", NULL, 10);
	return exported == 5 ? result : -1;
}
