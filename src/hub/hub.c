// SPDX-License-Identifier: Apache-2.0
#include "hub/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/time.h"
#include "hub/auth/ca.h"
#include "hub/auth/guard.h"
#include "hub/events/bus.h"
#include "hub/http/server.h"
#include "hub/http/web.h"
#include "hub/rollout/rollouts.h"
#include "hub/store/store.h"

// A connection is one descriptor. While it has a request at the server there are three more:
// both ends of a pair of sockets, and perhaps a file that is sent. Few have one at a time.
enum { CONNECTIONS_PER_REQUEST = 4, MIN_REQUESTS = 128 };
enum { FILES_PER_REQUEST = 3, OTHER_FILES = 256 };

static struct sut_err *make_folder(struct sut_hub *hub, bool is_guest)
{
	_cleanup_free_ char *path = NULL;

	if (mkdir(hub->config.data, 0700) < 0 && errno != EEXIST)
		return sut_err_os(errno, "%s", hub->config.data);
	if (is_guest)
		return NULL;
	if (asprintf(&path, "%s/lock", hub->config.data) < 0)
		return sut_err_nomem();
	hub->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (hub->lock < 0)
		return sut_err_os(errno, "%s", path);
	if (flock(hub->lock, LOCK_EX | LOCK_NB) < 0)
		return sut_err(SUT_E_BUSY, "%s: another suture-hub uses this folder",
			       hub->config.data);
	return NULL;
}

static struct sut_err *open_store(struct sut_hub *hub)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/hub.db", hub->config.data) < 0)
		return sut_err_nomem();
	// Digests of secrets and names of machines are nobody else's business.
	mode_t before = umask(0077);
	struct sut_err *err = sut_store_open(path, &hub->store);
	umask(before);
	return err;
}

static size_t max_requests(size_t max_connections)
{
	return max_connections / CONNECTIONS_PER_REQUEST + MIN_REQUESTS;
}

// As many connections as @n_files allow.
static size_t max_connections(size_t n_files)
{
	size_t fixed = OTHER_FILES + MIN_REQUESTS * FILES_PER_REQUEST;

	if (n_files < fixed + MIN_REQUESTS)
		return MIN_REQUESTS;
	return (n_files - fixed) * CONNECTIONS_PER_REQUEST /
	       (CONNECTIONS_PER_REQUEST + FILES_PER_REQUEST);
}

// As many connections as the system lets us have, but no more than wanted.
static void fit_connections(struct sut_hub *hub)
{
	struct sut_hub_config *config = &hub->config;
	struct rlimit limit;
	rlim_t wanted = config->max_connections +
			max_requests(config->max_connections) * FILES_PER_REQUEST + OTHER_FILES;

	config->max_requests = max_requests(config->max_connections);

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_cur < wanted) {
		struct rlimit higher = { wanted,
					 limit.rlim_max < wanted ? wanted : limit.rlim_max };
		// Beyond the hard limit only root may go; without, up to it.
		if (setrlimit(RLIMIT_NOFILE, &higher) < 0) {
			higher = (struct rlimit){ limit.rlim_max, limit.rlim_max };
			setrlimit(RLIMIT_NOFILE, &higher);
		}
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur < wanted) {
		config->max_connections = max_connections(limit.rlim_cur);
		config->max_requests = max_requests(config->max_connections);
	}
}

struct sut_err *sut_hub_open(const struct sut_hub_config *config, bool is_guest,
			     struct sut_hub *hub)
{
	*hub = (struct sut_hub){ .config = *config, .lock = -1, .started = sut_time_now_us() };
	struct sut_err *err = make_folder(hub, is_guest);

	if (!err)
		err = open_store(hub);
	if (!err)
		err = sut_guard_new(&hub->guard);
	if (!err)
		err = sut_ca_open(hub->config.data, &hub->ca);
	if (!err && hub->config.device_life)
		sut_ca_set_device_life(hub->ca, hub->config.device_life);
	if (!err)
		err = sut_bus_new(&hub->bus);
	if (err)
		sut_hub_close(hub);
	return err;
}

struct sut_err *sut_hub_serve(struct sut_hub *hub)
{
	struct sut_err *err = sut_web_open(hub->config.web, &hub->web);

	if (err)
		return err;
	err = sut_rollouts_open(hub, &hub->rollouts);
	if (err)
		return err;
	fit_connections(hub);
	// What is asked first may be how the server does: it is known before anybody can ask.
	err = sut_server_open(hub, &hub->server);
	return err ? err : sut_server_start(hub->server);
}

void sut_hub_close(struct sut_hub *hub)
{
	sut_server_close(hub->server);
	sut_rollouts_close(hub->rollouts);
	sut_web_close(hub->web);
	sut_bus_free(hub->bus);
	sut_ca_close(hub->ca);
	sut_guard_free(hub->guard);
	sut_store_close(hub->store);
	if (hub->lock >= 0)
		close(hub->lock);
	*hub = (struct sut_hub){ .lock = -1 };
}
