// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

#include <string.h>
#include <time.h>

#include "test.h"

static const char whole[] = "[agent]\n"
			    "ring = test # which one\n"
			    "attributes = role=canary,site=x\n"
			    "\n"
			    "[repository]\n"
			    "url = https://example.org/repository\n"
			    "root = /etc/suture/root.json\n"
			    "[hub]\n"
			    "url = https://hub.example.org:8443\n"
			    "token_file = /etc/suture/token\n"
			    "[window]\n"
			    "apply = yes\n"
			    "start = 23:30\n"
			    "length = 60\n"
			    "days = sat,sun\n"
			    "[probe web]\n"
			    "unit = web.service\n"
			    "http = http://127.0.0.1:8080/health\n"
			    "[probe other]\n"
			    "command = test -e /run/other\n"
			    "failures = 3\n";

static struct sut_err *parse(const char *text, struct sut_config *ret)
{
	return sut_config_parse((struct sut_view){ (const uint8_t *)text, strlen(text) }, "f", ret);
}

TEST(config, reads_all_sections)
{
	struct sut_config config;

	EXPECT_OK(parse(whole, &config));
	EXPECT(strcmp(config.ring, "test") == 0);
	EXPECT(strcmp(config.state, "/var/lib/suture") == 0);
	EXPECT(config.refresh == 3600);
	EXPECT(strcmp(json_string_value(json_object_get(config.attributes, "site")), "x") == 0);
	EXPECT(config.window.is_applied && config.window.start == 23 * 60 + 30);
	EXPECT(config.window.days == ((1u << 6) | 1u));
	EXPECT(config.n_probes == 2);
	EXPECT(strcmp(config.probes[0].unit, "web.service") == 0);
	EXPECT(config.probes[1].failures == 3 && config.probes[1].interval == 2);
	EXPECT(strcmp(config.probes[1].user, "nobody") == 0);
	sut_config_deinit(&config);
}

TEST(config, says_file_and_line_of_what_is_wrong)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[agent]\nstat = /x\n", "f:2: no such key in this section: \"stat\"" },
		{ "[agents]\n", "f:1: no such section: \"agents\"" },
		{ "ring = x\n", "f:1: no section begun" },
		{ "[agent]\nring\n", "f:2: wants key = value" },
		{ "[agent]\nring = a\nring = b\n", "f:3: is there twice" },
		{ "[agent]\nring = a/b\n", "f:2: is no name" },
		{ "[agent]\nring =\n", "f:2: has no value" },
		{ "[agent]\nstate = var\n", "f:2: wants a path" },
		{ "[agent]\nrefresh = 0\n", "f:2: wants a number from 1 to 604800" },
		{ "[agent]\nrefresh = 1s\n", "f:2: wants a number" },
		{ "[agent]\nattributes = a\n", "f:2: wants key=value" },
		{ "[window]\nstart = 24:00\n", "f:2: wants HH:MM" },
		{ "[window]\ndays = sat,so\n", "f:2: wants days" },
		{ "[window]\napply = true\n", "f:2: wants yes or no" },
		{ "[repository]\nurl = ftp://x\n", "f:2: wants https://" },
		{ "[hub]\nurl = file:///x\n", "f:2: wants https://" },
		{ "[probe]\n", "f:1: no such section" },
		{ "[probe a]\n[probe a]\n", "f:2: this probe is there twice" },
		{ "[probe a\n", "f:1: a section ends with ]" },
		{ "", "[repository] wants url" },
		{ "[repository]\nurl = file:///r\nroot = /r\n", "[agent] wants ring" },
		{ "[agent]\nring = a\n[repository]\nurl = file:///r\nroot = /r\n[probe p]\n",
		  "[probe p] wants either command or http" },
		{ "[repository]\nurl = file:///r\nroot = /r\n[hub]\nurl = https://h\n",
		  "[hub] wants token_file" },
	};
	struct sut_config config;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		EXPECT_ERR(parse(cases[i].text, &config), SUT_E_USAGE, cases[i].says);
}

TEST(config, survives_every_truncation)
{
	struct sut_config config;

	for (size_t size = 0; size < sizeof(whole); size++) {
		struct sut_err *err = sut_config_parse(
			(struct sut_view){ (const uint8_t *)whole, size }, "f", &config);
		if (!err)
			sut_config_deinit(&config);
		sut_err_free(err);
	}
}

TEST(config, a_window_may_end_on_the_next_day)
{
	struct tm saturday = { .tm_year = 126, .tm_mon = 10, .tm_mday = 21, .tm_isdst = -1 };
	struct sut_window window = { .start = 23 * 60 + 30, .length = 60, .days = 1u << 6 };
	int64_t midnight = mktime(&saturday);

	EXPECT(!sut_window_is_open(&window, midnight));
	EXPECT(!sut_window_is_open(&window, midnight + 23 * 3600));
	EXPECT(sut_window_is_open(&window, midnight + 23 * 3600 + 1800));
	EXPECT(sut_window_is_open(&window, midnight + 24 * 3600 + 1799));
	EXPECT(!sut_window_is_open(&window, midnight + 24 * 3600 + 1800));
	window.length = 0;
	EXPECT(!sut_window_is_open(&window, midnight + 23 * 3600 + 1800));
}
