// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The agent's configuration (sutured.conf(5))
 *
 *     [section]
 *     key = value        # from the first " #" on it is a remark
 *
 * Strict: an unknown section or key, a key that is there twice, a value out of range
 * or one that is missing is an error that names file and line.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

/** A health probe. Owns its strings. */
struct sut_probe {
	char *name;
	char *path;    /**< Of processes that run this file; NULL: any. */
	char *unit;    /**< Of processes of this systemd unit; NULL: any. */
	char *command; /**< For /bin/sh; NULL when it is `http`. */
	char *http;    /**< An address that must answer with 2xx or 3xx; NULL. */
	char *ca_file; /**< Whom `http` believes, when it is https; NULL: the machine's list. */
	char *user;    /**< Whose rights `command` has. */
	long interval; /**< Between two tries, s. */
	long timeout;  /**< Of one try, s. */
	long failures; /**< So many failed tries in a row are a failure. */
	long watch;    /**< For how long after a patch it is tried, s. */
};

/** When packages may move. */
struct sut_window {
	bool is_applied; /**< Carry baselines out; else only tell. */
	long start;      /**< Minutes after midnight, local time. */
	long length;     /**< Minutes; 0: there is none. */
	unsigned days;   /**< Bit 0: Sunday … bit 6: Saturday. */
};

/** The configuration. Owns everything. */
struct sut_config {
	char *state;   /**< Folder of what lasts. */
	char *dpkg;    /**< dpkg's status file. */
	char *runtime; /**< Folder of what lasts until the next boot. */
	char *user;    /**< Whose rights the network process has. */
	char *ring;    /**< NULL: what the hub says. */
	long refresh;  /**< Between two refreshes, s. */
	long report;   /**< Between two reports, s. */
	long watch;    /**< A crash within so many seconds after a patch counts as its fault. */
	json_t *attributes;         /**< Object of strings. */
	char *url;                  /**< Of the repository. */
	char *also;                 /**< A folder that may hold a copy of it (a USB stick); NULL. */
	char *root;                 /**< File of the trusted root. */
	char *hub;                  /**< NULL: there is none. */
	char *token_file, *ca_file; /**< Each may be NULL. */
	struct sut_window window;
	struct sut_probe *probes;
	size_t n_probes;
};

/** The most probes that there can be. */
enum { SUT_MAX_PROBES = 64 };

/** Parse @p text; @p name is the file's, for errors. */
sut_check struct sut_err *sut_config_parse(struct sut_view text, const char *name,
					   struct sut_config *ret);

/** Read file @p path. */
sut_check struct sut_err *sut_config_read(const char *path, struct sut_config *ret);
void sut_config_deinit(struct sut_config *config);

/** Is the window open at @p now (seconds since 1970)? */
bool sut_window_is_open(const struct sut_window *window, int64_t now);

/** A path below the state folder, owned by the caller; NULL when out of memory. */
char *sut_config_path(const struct sut_config *config, const char *below);
