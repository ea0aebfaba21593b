// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Errors
 *
 * A function that can fail returns `struct sut_err *`; NULL means success. Its
 * results come back through trailing `ret` parameters, which are written only
 * on success.
 *
 * An error says what this layer was doing; the caller adds what *it* was doing
 * with sut_err_wrap(). Printed, the chain reads outermost first:
 *
 *     apply 7f3c to pid 812: write jump at 0x4011a0: Input/output error
 *
 * An outcome that a correct caller must expect ("not found", "a thread is
 * still inside the function") is not an error. Return it through `ret`.
 */

/** What a program may do about an error. */
enum sut_code {
	SUT_E_NOMEM = 1,   /**< Out of memory. */
	SUT_E_OS,          /**< A system call failed; see sut_err::os_errno. */
	SUT_E_FORMAT,      /**< Input is malformed: ELF, package or hotpatch. */
	SUT_E_UNSUPPORTED, /**< Well formed, but we cannot patch this. */
	SUT_E_MISMATCH,    /**< Hotpatch and target are different builds. */
	SUT_E_BUSY,        /**< Try again later; nothing was changed. */
	SUT_E_GONE,        /**< The target exited. */
	SUT_E_DENIED,      /**< The kernel does not let us; needs privileges. */
	SUT_E_USAGE,       /**< The caller asked for something that makes no
				sense: a file that is not there, a bad option. */
	SUT_E_UNTRUSTED,   /**< Received bytes are not what their signers vouch for:
				signatures, digests, an older version. */
	SUT_E_EXPIRED,     /**< Signed, but its time is over. */
	SUT_E_NETWORK,     /**< A server cannot be reached, or answers no sense. */
};

/** An error. Owns its message; freed with sut_err_free(). */
struct sut_err {
	enum sut_code code;
	int os_errno; /**< Only for SUT_E_OS and SUT_E_DENIED, else 0. */
	char *msg;    /**< One line for a person, never NULL. */
};

/** Marks a function whose error must not be ignored. */
#define sut_check __attribute__((warn_unused_result))

/** Make an error. Never returns NULL, even when out of memory. */
struct sut_err *sut_err(enum sut_code code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/** Make an error from @p os_errno; strerror() is appended. ESRCH becomes
 *  SUT_E_GONE, EPERM and EACCES SUT_E_DENIED, ENOMEM SUT_E_NOMEM, anything
 *  else SUT_E_OS. */
struct sut_err *sut_err_os(int os_errno, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/** Put "fmt: " in front of @p err's message. Takes and returns @p err. */
struct sut_err *sut_err_wrap(struct sut_err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/** Drop an error that has been dealt with. NULL is allowed. */
void sut_err_free(struct sut_err *err);

/** The stable name of a code, as used in JSON: "format", "busy", … */
const char *sut_code_name(enum sut_code code);

/** The error for a failed allocation: a static object, so it cannot fail. */
struct sut_err *sut_err_nomem(void) __attribute__((returns_nonnull));
