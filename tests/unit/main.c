// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct CMUnitTest *tests;
static size_t n_tests;

static void run(void **state)
{
	void (*test)(void) = (void (*)(void))(uintptr_t)*state;

	test();
}

void sut_test_register(const char *module, const char *claim, void (*test)(void))
{
	char *name;

	tests = reallocarray(tests, n_tests + 1, sizeof(*tests));
	if (!tests || asprintf(&name, "%s: %s", module, claim) < 0)
		abort();
	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = ' ';
	tests[n_tests++] = (struct CMUnitTest){
		.name = name,
		.test_func = run,
		.initial_state = (void *)(uintptr_t)test,
	};
}

void sut_test_ok(struct sut_err *err, const char *file, int line)
{
	if (err) {
		print_error("unexpected error: %s\n", err->msg);
		sut_err_free(err);
		_fail(file, line);
	}
}

void sut_test_err(struct sut_err *err, enum sut_code code, const char *text,
		  const char *file, int line)
{
	if (!err) {
		print_error("expected error %s, got success\n",
			    sut_code_name(code));
		_fail(file, line);
	}
	if (err->code != code || !strstr(err->msg, text)) {
		print_error("expected %s \"%s\", got %s \"%s\"\n",
			    sut_code_name(code), text, sut_code_name(err->code),
			    err->msg);
		_fail(file, line);
	}
	sut_err_free(err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct CMUnitTest *)a)->name,
		      ((const struct CMUnitTest *)b)->name);
}

int main(int argc, char **argv)
{
	size_t n = 0;

	for (size_t i = 0; i < n_tests; i++)
		if (argc < 2 || strstr(tests[i].name, argv[1]))
			tests[n++] = tests[i];
	if (n == 0) {
		fprintf(stderr, "no test has \"%s\" in its name\n", argv[1]);
		return 1;
	}
	qsort(tests, n, sizeof(*tests), by_name);
	return _cmocka_run_group_tests("unit", tests, n, NULL, NULL) != 0;
}
