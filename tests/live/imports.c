// SPDX-License-Identifier: Apache-2.0
/**
 * A victim whose fix needs symbols that it never imported itself: functions of the
 * C library, one that the library resolves by itself (IFUNC), data, one of this
 * program, a weak one that is nowhere. "a": the answer; "q": quit.
 */
#include <stdio.h>

int answer(const char *text);
extern int exported;
int exported = 5;

__attribute__((noinline)) int answer(const char *text)
{
	return text[0] + exported;
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		if (c == 'a')
			printf("%d\n", answer("abcdefgh"));
		fflush(stdout);
	}
	return 0;
}
