-- SPDX-License-Identifier: Apache-2.0
-- What a hub knows, a line each, as tests/lib/clerk.py and tests/long/kill_fleet.bats write it down.
SELECT 'group ' || name FROM device_groups
UNION ALL SELECT 'user ' || name FROM users
UNION ALL SELECT 'token ' || label FROM enrolment_tokens
UNION ALL SELECT 'api-token ' || label FROM api_tokens
UNION ALL SELECT 'device ' || id || ' ' || hostname FROM devices
UNION ALL SELECT 'hold ' || id || ' ' || hold FROM devices WHERE hold IS NOT NULL
UNION ALL SELECT 'removed ' || id FROM devices WHERE revoked != 0
UNION ALL SELECT 'report ' || device || ' ' || seq FROM device_events
UNION ALL SELECT 'decided ' || rollout || ' ' || reason FROM rollout_steps
UNION ALL SELECT 'word ' || object || ' ' || json_extract(detail, '$.reason') FROM audit WHERE action LIKE 'rollout.%'
UNION ALL SELECT 'audit ' || action || ' ' || object FROM audit;
