// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"

enum { MAX_LINE = 4096, MAX_LINES = 10000 };

/** What a value is. */
enum kind { TEXT, PATH, URL, HTTP, NUMBER, CLOCK, DAYS, YES_NO, ATTRIBUTES, NAME };

/** A key. */
struct key {
	const char *section, *name;
	enum kind kind;
	size_t off; /**< In struct sut_config, or in struct sut_probe. */
	long least, most;
};

#define IN_CONFIG(member) offsetof(struct sut_config, member)
#define IN_PROBE(member)  offsetof(struct sut_probe, member)

static const struct key keys[] = {
	{ "agent", "state", PATH, IN_CONFIG(state), 0, 0 },
	{ "agent", "runtime", PATH, IN_CONFIG(runtime), 0, 0 },
	{ "agent", "dpkg", PATH, IN_CONFIG(dpkg), 0, 0 },
	{ "agent", "user", NAME, IN_CONFIG(user), 0, 0 },
	{ "agent", "ring", NAME, IN_CONFIG(ring), 0, 0 },
	{ "agent", "refresh", NUMBER, IN_CONFIG(refresh), 1, 604800 },
	{ "agent", "report", NUMBER, IN_CONFIG(report), 1, 86400 },
	{ "agent", "watch", NUMBER, IN_CONFIG(watch), 0, 86400 },
	{ "agent", "attributes", ATTRIBUTES, IN_CONFIG(attributes), 0, 0 },
	{ "repository", "url", URL, IN_CONFIG(url), 0, 0 },
	{ "repository", "also", PATH, IN_CONFIG(also), 0, 0 },
	{ "repository", "root", PATH, IN_CONFIG(root), 0, 0 },
	{ "hub", "url", HTTP, IN_CONFIG(hub), 0, 0 },
	{ "hub", "token_file", PATH, IN_CONFIG(token_file), 0, 0 },
	{ "hub", "ca_file", PATH, IN_CONFIG(ca_file), 0, 0 },
	{ "window", "apply", YES_NO, IN_CONFIG(window.is_applied), 0, 0 },
	{ "window", "start", CLOCK, IN_CONFIG(window.start), 0, 0 },
	{ "window", "length", NUMBER, IN_CONFIG(window.length), 1, 1440 },
	{ "window", "days", DAYS, IN_CONFIG(window.days), 0, 0 },
	{ "probe", "path", PATH, IN_PROBE(path), 0, 0 },
	{ "probe", "unit", NAME, IN_PROBE(unit), 0, 0 },
	{ "probe", "command", TEXT, IN_PROBE(command), 0, 0 },
	{ "probe", "http", HTTP, IN_PROBE(http), 0, 0 },
	{ "probe", "ca_file", PATH, IN_PROBE(ca_file), 0, 0 },
	{ "probe", "user", NAME, IN_PROBE(user), 0, 0 },
	{ "probe", "interval", NUMBER, IN_PROBE(interval), 1, 3600 },
	{ "probe", "timeout", NUMBER, IN_PROBE(timeout), 1, 300 },
	{ "probe", "failures", NUMBER, IN_PROBE(failures), 1, 100 },
	{ "probe", "watch", NUMBER, IN_PROBE(watch), 1, 86400 },
};

enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };

/** Where the parser is. */
struct reader {
	const char *name; /**< The file's. */
	size_t line;
	struct sut_config *config;
	char section[16]; /**< "" before the first. */
	bool is_seen[N_KEYS];
};

static struct sut_err *complain(const struct reader *r, const char *what, const char *value)
{
	return sut_err(SUT_E_USAGE, "%s:%zu: %s: \"%.200s\"", r->name, r->line, what, value);
}

// Names go into paths, messages and JSON.
static bool is_name(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.@:", text[i]))
			return false;
	return n > 0 && n <= 100 && text[0] != '-' && text[0] != '.';
}

static bool is_url(const char *text, bool takes_file)
{
	bool has_scheme = strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0 ||
			  (takes_file && strncmp(text, "file:///", 8) == 0);

	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127)
			return false;
	return has_scheme && strlen(text) <= 1000;
}

static bool read_number(const char *text, long least, long most, long *ret)
{
	char *end;

	*ret = strtol(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && *ret >= least && *ret <= most;
}

static bool read_clock(const char *text, long *ret)
{
	long hour, minute;
	char rest[8];

	if (strlen(text) != 5 || text[2] != ':')
		return false;
	snprintf(rest, sizeof(rest), "%.2s", text);
	if (!read_number(rest, 0, 23, &hour) || !read_number(text + 3, 0, 59, &minute))
		return false;
	*ret = hour * 60 + minute;
	return true;
}

static bool read_days(char *text, unsigned *ret)
{
	static const char *const names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };
	char *rest = text;
	const char *word;

	*ret = 0;
	while ((word = strsep(&rest, ","))) {
		size_t i = 0;
		while (i < 7 && strcmp(word, names[i]) != 0)
			i++;
		if (i == 7)
			return false;
		*ret |= 1u << i;
	}
	return true;
}

static bool read_attributes(char *text, json_t **ret)
{
	char *rest = text, *word;
	json_t *object = json_object();

	while (object && (word = strsep(&rest, ","))) {
		char *value = strchr(word, '=');
		if (value)
			*value++ = 0;
		if (!value || !is_name(word) || !is_name(value) ||
		    json_object_set_new(object, word, json_string(value)) < 0) {
			json_decref(object);
			return false;
		}
	}
	json_decref(*ret);
	*ret = object;
	return object;
}

static struct sut_err *set_text(char **place, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return sut_err_nomem();
	free(*place);
	*place = copy;
	return NULL;
}

static struct sut_err *set_value(const struct reader *r, const struct key *key, void *object,
				 char *value)
{
	void *place = (char *)object + key->off;
	char want[64];

	switch (key->kind) {
	case TEXT:
		return set_text(place, value);
	case PATH:
		return value[0] == '/' ? set_text(place, value)
				       : complain(r, "wants a path that begins with /", value);
	case NAME:
		return is_name(value) ? set_text(place, value) : complain(r, "is no name", value);
	case URL:
		return is_url(value, true)
			       ? set_text(place, value)
			       : complain(r, "wants https://, http:// or file:///", value);
	case HTTP:
		return is_url(value, false) ? set_text(place, value)
					    : complain(r, "wants https:// or http://", value);
	case NUMBER:
		snprintf(want, sizeof(want), "wants a number from %ld to %ld", key->least,
			 key->most);
		return read_number(value, key->least, key->most, place) ? NULL
									: complain(r, want, value);
	case CLOCK:
		return read_clock(value, place) ? NULL : complain(r, "wants HH:MM", value);
	case DAYS:
		return read_days(value, place) ? NULL : complain(r, "wants days: sat,sun", value);
	case YES_NO:
		*(bool *)place = strcmp(value, "yes") == 0;
		return *(bool *)place || strcmp(value, "no") == 0
			       ? NULL
			       : complain(r, "wants yes or no", value);
	case ATTRIBUTES:
		return read_attributes(value, place)
			       ? NULL
			       : complain(r, "wants key=value,key=value", value);
	}
	return NULL;
}

static struct sut_err *begin_probe(struct reader *r, const char *name)
{
	struct sut_config *config = r->config;

	if (!is_name(name))
		return complain(r, "is no name for a probe", name);
	for (size_t i = 0; i < config->n_probes; i++)
		if (strcmp(config->probes[i].name, name) == 0)
			return complain(r, "this probe is there twice", name);
	if (config->n_probes == SUT_MAX_PROBES)
		return complain(r, "there are too many probes", name);
	struct sut_probe *probes =
		reallocarray(config->probes, config->n_probes + 1, sizeof(*probes));
	if (!probes)
		return sut_err_nomem();
	config->probes = probes;
	probes[config->n_probes] =
		(struct sut_probe){ .interval = 2, .timeout = 2, .failures = 2, .watch = 60 };
	struct sut_probe *probe = &probes[config->n_probes++];
	struct sut_err *err = set_text(&probe->name, name);
	if (!err)
		err = set_text(&probe->user, "nobody");
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].section, "probe") == 0)
			r->is_seen[i] = false;
	return err;
}

static struct sut_err *begin_section(struct reader *r, char *line)
{
	size_t n = strlen(line);

	if (line[n - 1] != ']')
		return complain(r, "a section ends with ]", line);
	line[n - 1] = 0;
	if (strncmp(line + 1, "probe ", 6) == 0) {
		snprintf(r->section, sizeof(r->section), "probe");
		return begin_probe(r, line + 7);
	}
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].section, line + 1) == 0 && strcmp(line + 1, "probe") != 0) {
			snprintf(r->section, sizeof(r->section), "%s", line + 1);
			return NULL;
		}
	return complain(r, "no such section", line + 1);
}

static char *trim(char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	for (size_t n = strlen(text); n && strchr(" \t\r", text[n - 1]); n--)
		text[n - 1] = 0;
	return text;
}

static struct sut_err *read_pair(struct reader *r, char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return complain(r, "wants key = value", line);
	*value++ = 0;
	line = trim(line);
	value = trim(value);
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].section, r->section) != 0 || strcmp(keys[i].name, line) != 0)
			continue;
		if (r->is_seen[i])
			return complain(r, "is there twice", line);
		r->is_seen[i] = true;
		if (!*value)
			return complain(r, "has no value", line);
		bool is_probe = strcmp(r->section, "probe") == 0;
		struct sut_config *config = r->config;
		void *object = is_probe ? (void *)&config->probes[config->n_probes - 1] : config;
		return set_value(r, &keys[i], object, value);
	}
	return complain(r, r->section[0] ? "no such key in this section" : "no section begun",
			line);
}

static struct sut_err *read_line(struct reader *r, struct sut_view bytes)
{
	char text[MAX_LINE];

	if (bytes.size >= sizeof(text) || memchr(bytes.data, 0, bytes.size))
		return complain(r, "the line is too long, or not text", "");
	memcpy(text, bytes.data, bytes.size);
	text[bytes.size] = 0;
	char *line = trim(text);
	char *remark = strstr(line, " #");
	if (remark)
		*remark = 0;
	line = trim(line);
	if (!*line || *line == '#')
		return NULL;
	return *line == '[' ? begin_section(r, line) : read_pair(r, line);
}

static struct sut_err *check_probe(const struct reader *r, const struct sut_probe *probe)
{
	if (!probe->command == !probe->http)
		return sut_err(SUT_E_USAGE, "%s: [probe %s] wants either command or http", r->name,
			       probe->name);
	return NULL;
}

static struct sut_err *check_whole(const struct reader *r)
{
	const struct sut_config *config = r->config;
	struct sut_err *err = NULL;

	if (!config->url || !config->root)
		return sut_err(SUT_E_USAGE,
			       "%s: [repository] wants url, and root: the file of the trusted root",
			       r->name);
	if (config->hub && !config->token_file)
		return sut_err(SUT_E_USAGE,
			       "%s: [hub] wants token_file: where the enrolment token is", r->name);
	if (!config->hub && (config->token_file || config->ca_file))
		return sut_err(SUT_E_USAGE, "%s: [hub] wants url", r->name);
	if (!config->hub && !config->ring)
		return sut_err(SUT_E_USAGE,
			       "%s: [agent] wants ring, where there is no [hub] that tells it",
			       r->name);
	if (config->window.is_applied && !config->window.length)
		return sut_err(SUT_E_USAGE, "%s: [window] wants start and length, to apply in it",
			       r->name);
	for (size_t i = 0; i < config->n_probes && !err; i++)
		err = check_probe(r, &config->probes[i]);
	return err;
}

static struct sut_err *set_defaults(struct sut_config *config)
{
	*config = (struct sut_config){ .refresh = 3600, .report = 60, .watch = 600 };
	config->window.days = 0x7f;
	config->attributes = json_object();
	struct sut_err *err = config->attributes ? NULL : sut_err_nomem();
	if (!err)
		err = set_text(&config->state, "/var/lib/suture");
	if (!err)
		err = set_text(&config->runtime, "/run/suture");
	if (!err)
		err = set_text(&config->user, "suture-fetch");
	if (!err)
		err = set_text(&config->dpkg, "/var/lib/dpkg/status");
	return err;
}

struct sut_err *sut_config_parse(struct sut_view text, const char *name, struct sut_config *ret)
{
	struct sut_config config;
	struct reader reader = { .name = name, .config = &config };
	struct sut_err *err = set_defaults(&config);

	while (!err && text.size) {
		const uint8_t *end = memchr(text.data, '\n', text.size);
		size_t size = end ? (size_t)(end - text.data) : text.size;
		reader.line++;
		err = reader.line > MAX_LINES
			      ? complain(&reader, "there are too many lines", "")
			      : read_line(&reader, (struct sut_view){ text.data, size });
		size += end ? 1 : 0;
		text = (struct sut_view){ text.data + size, text.size - size };
	}
	if (!err)
		err = check_whole(&reader);
	if (err)
		sut_config_deinit(&config);
	else
		*ret = config;
	return err;
}

struct sut_err *sut_config_read(const char *path, struct sut_config *ret)
{
	struct sut_file file;
	struct sut_err *err = sut_file_read(path, &file);

	if (err)
		return err;
	err = sut_config_parse(file.view, path, ret);
	sut_file_deinit(&file);
	return err;
}

void sut_config_deinit(struct sut_config *config)
{
	char *texts[] = { config->dpkg, config->state,      config->runtime, config->user,
			  config->ring, config->url,        config->also,    config->root,
			  config->hub,  config->token_file, config->ca_file };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	for (size_t i = 0; i < config->n_probes; i++) {
		const struct sut_probe *probe = &config->probes[i];
		free(probe->name);
		free(probe->path);
		free(probe->unit);
		free(probe->command);
		free(probe->http);
		free(probe->user);
		free(probe->ca_file);
	}
	free(config->probes);
	json_decref(config->attributes);
	*config = (struct sut_config){ 0 };
}

// A window that begins before midnight belongs to the day on which it begins.
bool sut_window_is_open(const struct sut_window *window, int64_t now)
{
	for (int ago = 0; ago < 2 && window->length; ago++) {
		time_t then = now - ago * 86400;
		struct tm day;
		localtime_r(&then, &day);
		if (!(window->days & (1u << day.tm_wday)))
			continue;
		day.tm_hour = window->start / 60;
		day.tm_min = window->start % 60;
		day.tm_sec = 0;
		day.tm_isdst = -1;
		time_t start = mktime(&day);
		if (now >= start && now < start + window->length * 60)
			return true;
	}
	return false;
}

char *sut_config_path(const struct sut_config *config, const char *below)
{
	char *path;

	return asprintf(&path, "%s/%s", config->state, below) < 0 ? NULL : path;
}
