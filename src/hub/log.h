// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What an operator reads in the journal: one line each on the standard error, with the
 * level in front as sd-daemon(3) has it when the journal is what listens.
 */

enum sut_log_level {
	SUT_LOG_ERROR = 3,
	SUT_LOG_WARNING = 4,
	SUT_LOG_INFO = 6,
};

void sut_log(enum sut_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
