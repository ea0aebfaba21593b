// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Many HTTPS connections to one server, in one thread
 *
 * A link is one device's kept connection: it sends one request at a time and calls back
 * with the answer. It connects when the first request is there, and again, a moment
 * later, when the connection breaks; a request without an answer is sent again then, as
 * often as it takes. So a request may arrive twice; that is for the server to bear.
 */

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct net;
struct link;

/** The answer to a link's request. @p body is terminated, and valid in the call only. The
 *  next request may be sent from here. */
typedef void (*net_answer_fn)(void *context, int status, const char *body, size_t size);

/** What happened so far, over all links. */
struct net_counts {
	uint64_t answers;             /**< Answered requests. */
	uint64_t handshakes;          /**< Connections made. */
	uint64_t resumed;             /**< Of these, with a TLS session kept from before. */
	uint64_t lost;                /**< Connections that broke while a request was open. */
	uint64_t connected;           /**< Connections that are there now. */
	uint64_t bytes_in, bytes_out; /**< Of HTTP. */
};

/** @p address: the server's. @p name: for the certificate and the Host field.
 *  @p ca_file: PEM, what its certificate is checked with. Ends the process with a
 *  message when something is wrong with these. */
struct net *net_new(const struct sockaddr *address, socklen_t size, const char *name,
		    const char *ca_file);

/** All times are microseconds of CLOCK_MONOTONIC. */
int64_t net_now(void);

/** Serve all links until @p time, at most. Returns early when something happened. */
void net_serve(struct net *net, int64_t time);

const struct net_counts *net_counts(const struct net *net);

/** @p certificate, @p key: the device's, or NULL. Both are borrowed, and outlive it. */
struct link *net_link(struct net *net, X509 *certificate, EVP_PKEY *key, net_answer_fn answer,
		      void *context);

/** Close it; an open request gets no answer. */
void net_unlink(struct link *link);

/** Close the connection; the next request makes another one. None may be open. */
void link_rest(struct link *link);

/** Send a request; none may be open. @p body: JSON, or NULL. Both are copied. */
void link_send(struct link *link, const char *method, const char *path, const char *body);

/** Is a request open? */
bool link_is_busy(const struct link *link);
