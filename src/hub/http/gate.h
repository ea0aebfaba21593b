// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The request gate
 *
 * The one place where bytes of a connection become requests. It reads a strict
 * subset of HTTP/1.1 (RFC 9112), refuses everything on which two readers could
 * differ, and writes what it understood anew: behind the gate nobody ever sees a
 * byte of a request's head as it came.
 *
 *     bytes ──► sut_gate_feed ──► canonical head, body      to the server
 *                    └──────────► refusal: status, reason   to the client, who is closed
 *
 * What is passed on: known methods; a path of whole, plain segments; a query; the
 * header fields of a short list, each once; a body of a known size. A request has no
 * Transfer-Encoding: its length is told by Content-Length or there is no body.
 */

#include <stdbool.h>

#include "base/buf.h"

/** Sizes in bytes of what is accepted. */
enum {
	SUT_GATE_MAX_HEAD = 8192,
	SUT_GATE_MAX_TARGET = 2048,
	SUT_GATE_MAX_PASSED = 4096, /**< The head as it is passed on. */
	SUT_GATE_MAX_FIELDS = 64,
	SUT_GATE_MAX_BODY = 1 << 20,
};

/** Why a request was refused. */
struct sut_refusal {
	int status;       /**< Of HTTP: 400, 411, 413, 414, 431; 0 when none was. */
	const char *text; /**< A sentence for a person, constant. */
};

/** A connection's requests, one behind the other. Owns its buffer. All zero is a
 *  valid gate that waits for the first request. */
struct sut_gate {
	struct sut_buf head; /**< What has come of a head; no memory between requests. */
	uint64_t body_left;  /**< Bytes of the body that are still to come. */
	bool is_inside;      /**< Some byte of a request has come, but not the last. */
};

void sut_gate_deinit(struct sut_gate *gate);

/**
 * Take bytes of the connection.
 *
 * What may pass is appended to @p out. Takes no more than up to the end of one
 * request (is_inside is false then) and says in @p used_ret how many bytes
 * that were. After a refusal, which is told in @p refusal_ret and no error, the gate
 * must not be fed again; what was appended to @p out before may have been passed on.
 */
sut_check struct sut_err *sut_gate_feed(struct sut_gate *gate, struct sut_view bytes,
					struct sut_buf *out, size_t *used_ret,
					struct sut_refusal *refusal_ret);
