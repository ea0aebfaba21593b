// SPDX-License-Identifier: Apache-2.0
#include "hub/auth/routes.h"
#include "hub/device/routes.h"
#include "hub/events/routes.h"
#include "hub/http/about.h"
#include "hub/http/route.h"
#include "hub/http/web.h"
#include "hub/report/routes.h"
#include "hub/rollout/routes.h"

// The first match counts: the page, which takes any path, is the last.
const struct sut_route *const sut_routes[] = {
	sut_device_routes,   sut_session_routes, sut_user_routes,
	sut_password_routes, sut_token_routes,   sut_audit_routes,
	sut_event_routes,    sut_about_routes,   sut_rollout_routes,
	sut_overview_routes, sut_fleet_routes,   sut_release_routes,
	sut_metrics_routes,  sut_web_routes,     NULL,
};
