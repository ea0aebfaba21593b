// SPDX-License-Identifier: Apache-2.0
#include "hub/store/schema.h"

// Who may do what, and what was done.
static const char people[] =
	"CREATE TABLE users ("
	" tenant TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,"
	" password TEXT NOT NULL, created BIGINT NOT NULL, PRIMARY KEY (tenant, id));"
	"CREATE UNIQUE INDEX users_by_name ON users (tenant, name);"
	"CREATE TABLE sessions ("
	" tenant TEXT NOT NULL, digest TEXT NOT NULL, user_id TEXT NOT NULL,"
	" created BIGINT NOT NULL, used BIGINT NOT NULL, PRIMARY KEY (tenant, digest));"
	"CREATE INDEX sessions_by_user ON sessions (tenant, user_id);"
	"CREATE TABLE api_tokens ("
	" tenant TEXT NOT NULL, id TEXT NOT NULL, digest TEXT NOT NULL, label TEXT NOT NULL,"
	" role TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT, created_by TEXT NOT NULL,"
	" PRIMARY KEY (tenant, id));"
	"CREATE UNIQUE INDEX api_tokens_by_digest ON api_tokens (tenant, digest);"
	"CREATE TABLE audit ("
	" tenant TEXT NOT NULL, seq BIGINT NOT NULL, time BIGINT NOT NULL, actor TEXT NOT NULL,"
	" action TEXT NOT NULL, object TEXT NOT NULL, detail TEXT NOT NULL, prev TEXT NOT NULL,"
	" hash TEXT NOT NULL, PRIMARY KEY (tenant, seq));";

// The devices, and what they reported last. Texts that end in _json are JSON that
// passed the checks of a report.
static const char devices[] =
	"CREATE TABLE enrolment_tokens ("
	" tenant TEXT NOT NULL, id TEXT NOT NULL, digest TEXT NOT NULL, label TEXT NOT NULL,"
	" ring TEXT, uses BIGINT NOT NULL, used BIGINT NOT NULL, expires BIGINT NOT NULL, created "
	"BIGINT NOT NULL,"
	" created_by TEXT NOT NULL, PRIMARY KEY (tenant, id));"
	"CREATE UNIQUE INDEX enrolment_tokens_by_digest ON enrolment_tokens (tenant, digest);"
	"CREATE TABLE devices ("
	" tenant TEXT NOT NULL, id TEXT NOT NULL, hostname TEXT NOT NULL, enrolled BIGINT NOT NULL,"
	" revoked BIGINT NOT NULL, cert_expires BIGINT NOT NULL,"
	" assigned_ring TEXT, group_name TEXT, hold TEXT, change BIGINT NOT NULL,"
	" attributes_json TEXT NOT NULL,"
	" seen BIGINT, report_seq BIGINT NOT NULL, boot_id TEXT, agent TEXT, kernel TEXT, os TEXT,"
	" baseline TEXT, release TEXT, train TEXT, ring TEXT,"
	" n_protected BIGINT NOT NULL, n_exposed BIGINT NOT NULL, n_in_progress BIGINT NOT NULL,"
	" readiness_json TEXT, next_json TEXT, tuf_json TEXT, processes_digest TEXT,"
	" PRIMARY KEY (tenant, id));"
	"CREATE TABLE processes ("
	" tenant TEXT NOT NULL, device TEXT NOT NULL, n BIGINT NOT NULL, pid BIGINT NOT NULL,"
	" start BIGINT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, unit TEXT, container TEXT,"
	" build_id TEXT NOT NULL, hotpatch TEXT, release TEXT, state TEXT NOT NULL,"
	" reason TEXT NOT NULL, detail TEXT NOT NULL, proof TEXT, verified BIGINT,"
	" pause_ns BIGINT, tries BIGINT NOT NULL, PRIMARY KEY (tenant, device, n));"
	"CREATE TABLE device_events ("
	" tenant TEXT NOT NULL, device TEXT NOT NULL, seq BIGINT NOT NULL, time BIGINT NOT NULL,"
	" received BIGINT NOT NULL, type TEXT NOT NULL, hotpatch TEXT, detail TEXT NOT NULL,"
	" PRIMARY KEY (tenant, device, seq));"
	// One row: the number of the last change that concerns devices.
	"CREATE TABLE counters ("
	" tenant TEXT NOT NULL, name TEXT NOT NULL, value BIGINT NOT NULL, PRIMARY KEY (tenant, "
	"name));"
	"INSERT INTO counters (tenant, name, value) VALUES ('default', 'change', 1);"
	"INSERT INTO counters (tenant, name, value) VALUES ('default', 'change-all', 1);";

// Who gets which release when, and what devices are by that.
static const char rollouts[] =
	"CREATE TABLE rollouts ("
	" tenant TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, state TEXT NOT NULL,"
	" created BIGINT NOT NULL, begun BIGINT NOT NULL, decision BIGINT NOT NULL,"
	" published BIGINT NOT NULL, PRIMARY KEY (tenant, id));"
	"CREATE TABLE rollout_steps ("
	" tenant TEXT NOT NULL, rollout TEXT NOT NULL, n BIGINT NOT NULL, time BIGINT NOT NULL,"
	" actor TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL, ring TEXT,"
	" PRIMARY KEY (tenant, rollout, n));"
	"CREATE TABLE rollout_outcomes ("
	" tenant TEXT NOT NULL, rollout TEXT NOT NULL, device TEXT NOT NULL, ring TEXT NOT NULL,"
	" outcome TEXT NOT NULL, since BIGINT NOT NULL, PRIMARY KEY (tenant, rollout, device));"
	"CREATE TABLE settings ("
	" tenant TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
	" PRIMARY KEY (tenant, name));"
	"CREATE TABLE device_groups ("
	" tenant TEXT NOT NULL, name TEXT NOT NULL, label TEXT NOT NULL,"
	" PRIMARY KEY (tenant, name));"
	"ALTER TABLE devices ADD COLUMN status TEXT NOT NULL DEFAULT 'offline';"
	"ALTER TABLE devices ADD COLUMN status_text TEXT NOT NULL DEFAULT"
	" 'It is enrolled, and has not reported yet.';"
	"ALTER TABLE devices ADD COLUMN wanted TEXT;"
	"ALTER TABLE devices ADD COLUMN wanted_text TEXT;"
	"ALTER TABLE devices ADD COLUMN derived BIGINT NOT NULL DEFAULT 0;"
	"CREATE INDEX devices_by_name ON devices (tenant, hostname, id);"
	"CREATE INDEX devices_by_ring ON devices (tenant, ring, baseline, revoked, hold, seen);"
	"CREATE INDEX devices_by_derived ON devices (tenant, revoked, derived);"
	"CREATE INDEX devices_by_seen ON devices (tenant, seen, status);"
	"CREATE INDEX devices_by_status ON devices"
	" (tenant, revoked, ring, status, n_protected, n_exposed, n_in_progress);";

// By what a device enrolled: its key (SHA-256 of SubjectPublicKeyInfo) and the token's id.
static const char enrolments[] =
	"ALTER TABLE devices ADD COLUMN key_digest TEXT;"
	"ALTER TABLE devices ADD COLUMN enrolled_by TEXT;"
	"CREATE INDEX devices_by_key ON devices (tenant, key_digest);";

// Events are forgotten when they are old.
static const char ages[] =
	"CREATE INDEX device_events_by_age ON device_events (tenant, received);";

const char *const sut_schema_steps[] = {
	people,
	devices,
	rollouts,
	enrolments,
	ages,
};
const size_t sut_schema_n_steps = sizeof(sut_schema_steps) / sizeof(sut_schema_steps[0]);
