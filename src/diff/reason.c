// SPDX-License-Identifier: Apache-2.0
#include "diff/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

void sut_reasons_deinit(struct sut_reasons *reasons)
{
	for (size_t i = 0; i < reasons->n; i++) {
		free(reasons->list[i].function);
		free(reasons->list[i].detail);
		free(reasons->list[i].accepted);
	}
	free(reasons->list);
	*reasons = (struct sut_reasons){ 0 };
}

struct sut_err *sut_reasons_add(struct sut_reasons *reasons, enum sut_severity severity,
				const char *code, const char *function, const char *fmt, ...)
{
	struct sut_reason reason = { .severity = severity, .code = code };
	va_list args;
	struct sut_err *err =
		sut_array_grow(&reasons->list, reasons->n, &reasons->capacity, sizeof(reason));

	if (err)
		return err;
	va_start(args, fmt);
	if (vasprintf(&reason.detail, fmt, args) < 0)
		reason.detail = NULL;
	va_end(args);
	reason.function = strdup(function ? function : "");
	if (!reason.detail || !reason.function) {
		free(reason.detail);
		free(reason.function);
		return sut_err_nomem();
	}
	reasons->list[reasons->n++] = reason;
	return NULL;
}

bool sut_reasons_refuse(const struct sut_reasons *reasons)
{
	for (size_t i = 0; i < reasons->n; i++)
		if (reasons->list[i].severity == SUT_SEVERITY_REFUSAL)
			return true;
	return false;
}

bool sut_reasons_wait(const struct sut_reasons *reasons)
{
	for (size_t i = 0; i < reasons->n; i++)
		if (reasons->list[i].severity == SUT_SEVERITY_SIGN && !reasons->list[i].accepted)
			return true;
	return false;
}
