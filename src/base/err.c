// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static char nomem_text[] = "out of memory";
static struct sut_err nomem = { .code = SUT_E_NOMEM, .msg = nomem_text };

struct sut_err *sut_err_nomem(void)
{
	return &nomem;
}

static struct sut_err *make(enum sut_code code, int os_errno, char *msg)
{
	struct sut_err *err = msg ? malloc(sizeof(*err)) : NULL;

	if (!err) {
		free(msg);
		return &nomem;
	}
	*err = (struct sut_err){ .code = code, .os_errno = os_errno, .msg = msg };
	return err;
}

struct sut_err *sut_err(enum sut_code code, const char *fmt, ...)
{
	va_list args;
	char *msg = NULL;

	va_start(args, fmt);
	if (vasprintf(&msg, fmt, args) < 0)
		msg = NULL;
	va_end(args);
	return make(code, 0, msg);
}

static enum sut_code code_of_errno(int os_errno)
{
	switch (os_errno) {
	case ENOMEM:
		return SUT_E_NOMEM;
	case ESRCH:
		return SUT_E_GONE;
	case EPERM:
	case EACCES:
		return SUT_E_DENIED;
	default:
		return SUT_E_OS;
	}
}

struct sut_err *sut_err_os(int os_errno, const char *fmt, ...)
{
	va_list args;
	_cleanup_free_ char *what = NULL;
	char *msg = NULL;

	va_start(args, fmt);
	if (vasprintf(&what, fmt, args) < 0)
		what = NULL;
	va_end(args);
	if (!what || asprintf(&msg, "%s: %s", what, strerror(os_errno)) < 0)
		return &nomem;
	return make(code_of_errno(os_errno), os_errno, msg);
}

struct sut_err *sut_err_wrap(struct sut_err *err, const char *fmt, ...)
{
	va_list args;
	_cleanup_free_ char *what = NULL;
	char *msg = NULL;

	if (err == &nomem)
		return err;
	va_start(args, fmt);
	if (vasprintf(&what, fmt, args) < 0)
		what = NULL;
	va_end(args);
	// Without memory the error keeps the message that it has.
	if (!what || asprintf(&msg, "%s: %s", what, err->msg) < 0)
		return err;
	free(err->msg);
	err->msg = msg;
	return err;
}

void sut_err_free(struct sut_err *err)
{
	if (!err || err == &nomem)
		return;
	free(err->msg);
	free(err);
}

const char *sut_code_name(enum sut_code code)
{
	static const char *const names[] = {
		[SUT_E_NOMEM] = "nomem",
		[SUT_E_OS] = "os",
		[SUT_E_FORMAT] = "format",
		[SUT_E_UNSUPPORTED] = "unsupported",
		[SUT_E_MISMATCH] = "mismatch",
		[SUT_E_BUSY] = "busy",
		[SUT_E_GONE] = "gone",
		[SUT_E_DENIED] = "denied",
		[SUT_E_USAGE] = "usage",
		[SUT_E_UNTRUSTED] = "untrusted",
		[SUT_E_EXPIRED] = "expired",
		[SUT_E_NETWORK] = "network",
	};

	return names[code];
}
