// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A repository behind HTTP or HTTPS
 *
 * libcurl with what an attacker in the middle could use turned off: no redirects, no other
 * protocols, no compression. TUF needs no TLS to be safe; TLS keeps others from seeing which
 * files a machine asks for.
 */

#include "tuf/source.h"

/** How to reach a repository; what is 0 or NULL has a default. Borrows all. */
struct sut_tuf_http {
	const char *url;          /**< Of the folder that holds metadata/ and targets/. */
	const char *metadata_url; /**< Instead, if they lie apart. */
	const char *targets_url;
	const char *ca_file;    /**< PEM; the system's when NULL. */
	const char *user_agent; /**< "suture/VERSION" when NULL. */
	unsigned int connect_s; /**< Seconds to connect: 20. */
	unsigned int stall_s;   /**< Seconds below min_rate that end a transfer: 30. */
	unsigned int min_rate;  /**< Bytes per second: 1000. A whole transfer may take stall_s
				     and its limit of bytes at this rate. */
};

/** SUT_E_USAGE when it is no http or https address. */
sut_check struct sut_err *sut_tuf_source_http(const struct sut_tuf_http *http,
					      struct sut_tuf_source **ret);

/** The same for one address, which may also be file:///FOLDER. */
sut_check struct sut_err *sut_tuf_source_url(const struct sut_tuf_http *http,
					     struct sut_tuf_source **ret);
