// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A small web server with a hole
 *
 * The demo's stand-in when the archive has no pair of packages: a parent and
 * its workers, each with an event loop, kept connections and pages made on
 * request. Version 1 (echo_1.c) trusts a length that the visitor sends, and so
 * answers with what lies in memory behind his text; version 2 (echo_2.c) does
 * not. Version 3 (echo_3.c) is the update that nobody tried: it refuses everybody.
 * Everything else is the same.
 */

#include <stddef.h>

#define MAX_REQUEST 4096
#define MAX_ANSWER 16384

/** A visitor's connection. */
struct visitor {
	int fd;
	size_t size;               /**< Bytes of request. */
	char request[MAX_REQUEST]; /**< What came so far, not terminated. */
};

/** The body of an answer under construction. */
struct page {
	size_t size;
	char text[MAX_ANSWER];
};

/** Append formatted text; what does not fit is cut off. */
void page_print(struct page *page, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Append @p size bytes; what does not fit is cut off. */
void page_bytes(struct page *page, const char *bytes, size_t size);

/** Find the number behind "NAME=" in @p query, or @p otherwise. */
long query_number(const char *query, const char *name, long otherwise);

/** Answer "/echo?size=N&text=T": the first N bytes of T. */
void answer_echo(struct page *page, const char *query);
