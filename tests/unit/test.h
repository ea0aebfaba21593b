// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Unit tests: a thin layer over cmocka
 *
 * A test stands beside its module, in `thing_test.c`, and registers itself:
 *
 *     TEST(image, finds_a_section_by_name) { EXPECT(1 + 1 == 2); }
 *
 * `build/unit-tests [PATTERN]` runs all tests, or those whose name
 * "image: finds a section by name" contains PATTERN.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

/** Register a test; called by TEST() before main. */
void sut_test_register(const char *module, const char *claim, void (*run)(void));

/** Fail unless @p err is NULL; says the error's message. Frees it. */
void sut_test_ok(struct sut_err *err, const char *file, int line);

/** Fail unless @p err has @p code and its message contains @p text. Frees it. */
void sut_test_err(struct sut_err *err, enum sut_code code, const char *text,
		  const char *file, int line);

#define TEST(module, claim)                                                    \
	static void test_##module##_##claim(void);                             \
	__attribute__((constructor)) static void                               \
		register_##module##_##claim(void)                              \
	{                                                                      \
		sut_test_register(#module, #claim, test_##module##_##claim);   \
	}                                                                      \
	static void test_##module##_##claim(void)

#define EXPECT(condition) assert_true(condition)
#define EXPECT_OK(err) sut_test_ok((err), __FILE__, __LINE__)
#define EXPECT_ERR(err, code, text)                                            \
	sut_test_err((err), (code), (text), __FILE__, __LINE__)
