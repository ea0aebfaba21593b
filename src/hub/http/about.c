// SPDX-License-Identifier: Apache-2.0
#include "hub/http/about.h"

#include <stdio.h>

#include "hub/http/front.h"
#include "hub/http/route.h"
#include "hub/http/server.h"
#include "hub/store/store.h"

static struct sut_err *look(struct sut_tx *tx, void *context)
{
	return sut_sql_int(tx, context, "SELECT COUNT(*) FROM counters", "");
}

// Healthy means that it can read what it stored.
static struct sut_err *show_health(struct sut_hub *hub, const struct sut_request *request,
				   struct sut_reply *reply)
{
	int64_t n;
	struct sut_err *err = sut_store_read(hub->store, look, &n);

	(void)request;
	return err ? err
		   : sut_reply_json(
			     reply, 200,
			     json_pack("{s:s, s:s}", "status", "ok", "version", SUTURE_VERSION));
}

struct sut_err *sut_metrics_write(struct sut_hub *hub, FILE *out)
{
	struct sut_server_stats stats;
	struct sut_front *front = sut_server_front(hub->server);

	sut_server_read_stats(hub->server, &stats);
	fprintf(out,
		"# TYPE suture_hub_connections gauge\nsuture_hub_connections %zu\n"
		"# TYPE suture_hub_requests counter\nsuture_hub_requests_total %lu\n"
		"# TYPE suture_hub_faults counter\nsuture_hub_faults_total %lu\n"
		"# TYPE suture_hub_refused counter\nsuture_hub_refused_total %lu\n"
		"# TYPE suture_hub_held gauge\nsuture_hub_held %zu\n"
		"# TYPE suture_hub_streams gauge\nsuture_hub_streams %zu\n",
		sut_front_n_connections(front), stats.n_requests, stats.n_faults,
		sut_front_n_refused(front), stats.n_held, stats.n_streams);
	return NULL;
}

const struct sut_route sut_about_routes[] = {
	{ "GET", "/healthz", SUT_ACCESS_PUBLIC, show_health },
	{ 0 },
};
