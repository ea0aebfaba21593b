# SPDX-License-Identifier: Apache-2.0
# A device's certificate towards its end, with certificates of a minute.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	agent_begin
}

teardown() {
	agent_end
}

# The end of the device's certificate, seconds since 1970.
certificate_end() {
	date +%s -d "$(openssl x509 -in "$state/identity/device.crt" -noout -enddate | cut -d= -f2)"
}

@test "a certificate is renewed before it ends, and the device goes on with the next one" {
	start_hub --device-life 60s
	hub_config
	start_agent
	until_story '.facts.hub_seen != null'
	device=$(story .device)
	first=$(certificate_end)
	is_renewed() { (($(certificate_end) > first)); }
	wait_until 120 is_renewed
	has_passed() { (($(date +%s) > first)); }
	wait_until 120 has_passed
	# Of a new process, each connection is made with what is on the disk.
	before=$(stored "SELECT report_seq FROM devices")
	stop "$agent"
	rm "$runtime/agent.json"
	start_agent
	has_reported() { (($(stored "SELECT report_seq FROM devices") > before)); }
	wait_until 120 has_reported
	[[ $(stored "SELECT count(*) FROM devices") == 1 && $(story .device) == "$device" ]]
	(($(stored "SELECT count(*) FROM audit WHERE action = 'device.renew'") > 0))
}

@test "a device whose certificate has ended says so, and enrols anew with a new token" {
	start_hub --device-life 60s
	hub_config
	start_agent
	until_story '.facts.hub_seen != null'
	stop "$agent"
	first=$(certificate_end)
	has_passed() { (($(date +%s) > first)); }
	wait_until 120 has_passed
	echo suture1.none.none >"$work/token"
	rm "$runtime/agent.json"
	start_agent
	until_story '.facts.hub_trouble | test("certificate has ended on .* token_file and restart")'
	run -0 "$suture" status --agent "$runtime/agent.json"
	[[ $output == *"certificate has ended on "* ]]
	stop "$agent"
	rm "$runtime/agent.json"
	hub_config
	start_agent
	until_story '.facts.hub_trouble == "" and .facts.hub_seen != null'
	(($(certificate_end) > first))
}
