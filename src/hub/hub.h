// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The hub
 *
 * What its parts share. main.c makes one and hands it to every route.
 *
 *     client ─► http/front (TLS, gate) ─► http/server (routes, in workers)
 *                                           ├─► store    what must not be forgotten
 *                                           ├─► ca       who a device is
 *                                           └─► bus      what just happened, to those who wait
 *
 * Any thread may use all of it: each part has its own lock.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct sut_bus;
struct sut_ca;
struct sut_guard;
struct sut_server;
struct sut_store;
struct sut_web;

/** What the hub was started with; all borrowed from main(). */
struct sut_hub_config {
	const char *data;    /**< The folder of all that it keeps. */
	const char *address; /**< Where it listens. */
	int port;            /**< 0: any that is free. */
	const char **names;  /**< What it is called, for its certificate. */
	size_t n_names;
	const char *web;             /**< The folder of the page, or NULL. */
	const char *repository;      /**< The folder that is published, or NULL. */
	const char *keys;            /**< The folder of the on-line keys, or NULL. */
	const char *passphrase_file; /**< Their passphrase, or NULL. */
	size_t max_connections;
	size_t max_requests; /**< So many of them may have a request at the server at a time. */
	int64_t device_life; /**< Of devices' certificates, s; 0: as ca.h says. */
	int64_t events_life; /**< For how long devices' events are kept, s. */
};

/** The hub. Owns its parts. */
struct sut_hub {
	struct sut_hub_config config;
	struct sut_store *store;
	struct sut_ca *ca;
	struct sut_bus *bus;
	struct sut_guard *guard;   /**< Slows down those who guess passwords. */
	struct sut_web *web;       /**< The files of the page. */
	struct sut_server *server; /**< NULL until all else is there. */
	/** Who steps the rollouts; NULL until the hub serves. */
	struct sut_rollouts *rollouts;
	int64_t started; /**< Microseconds. */
	int lock;        /**< Keeps others out of the folder; -1: none. */
};
