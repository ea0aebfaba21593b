// SPDX-License-Identifier: Apache-2.0
#include "agent/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/files.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/time.h"

#define DEVICE "trust/device.json"
#define EVENTS "trust/events"

/** Where no hub takes them, the file grows no further, bytes: the older half gives way. */
enum { MAX_EVENTS_SIZE = 4 * 1024 * 1024 };

// A line that was cut off by a power failure is none; everything before it is whole.
static struct sut_err *read_events(const struct sut_config *config, json_t **ret)
{
	_cleanup_free_ char *path = sut_config_path(config, EVENTS);
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	_cleanup_json_ json_t *list = json_array();

	if (!path || !list)
		return sut_err_nomem();
	if (access(path, F_OK) == 0) {
		struct sut_err *err = sut_file_read(path, &file);
		if (err)
			return err;
	}
	struct sut_view rest = file.view;
	const uint8_t *end;
	while (rest.size && (end = memchr(rest.data, '\n', rest.size))) {
		size_t size = end - rest.data;
		json_t *event = json_loadb((const char *)rest.data, size, 0, NULL);
		if (event)
			json_array_append_new(list, event);
		rest = (struct sut_view){ end + 1, rest.size - size - 1 };
	}
	*ret = steal(list);
	return NULL;
}

static uint64_t seq_of(const json_t *event)
{
	return json_integer_value(json_object_get(event, "seq"));
}

static struct sut_err *write_events(const struct sut_config *config, const json_t *list)
{
	_cleanup_free_ char *path = sut_config_path(config, EVENTS);
	struct sut_buf buf = { 0 };
	struct sut_err *err = path ? NULL : sut_err_nomem();
	const json_t *event;
	size_t i;

	json_array_foreach(list, i, event)
	{
		_cleanup_free_ char *line = json_dumps(event, JSON_COMPACT);
		if (!err)
			err = line ? sut_buf_add(&buf, line, strlen(line)) : sut_err_nomem();
		if (!err)
			err = sut_buf_add(&buf, "\n", 1);
	}
	if (!err)
		err = sut_file_write_durable(path, sut_buf_view(&buf), 0600);
	sut_buf_deinit(&buf);
	return err;
}

static struct sut_err *begin_device(struct sut_memory *device)
{
	json_t *json = device->json;
	char id[SUT_ID_SIZE];
	struct sut_err *err = NULL;

	// Without a hub the device names itself.
	if (!json_is_string(json_object_get(json, "id")) && !device->config->hub) {
		err = sut_id_make(id);
		if (!err)
			json_object_set_new(json, "id", json_string(id));
	}
	if (!json_is_object(json_object_get(json, "held")))
		json_object_set_new(json, "held", json_object());
	if (!json_is_object(json_object_get(json, "told")))
		json_object_set_new(json, "told", json_object());
	// More is known than was written down, when the file was lost: never the same number.
	if (!json_is_integer(json_object_get(json, "report")))
		json_object_set_new(json, "report", json_integer(sut_time_now()));
	return err ? err : sut_memory_save(device);
}

struct sut_err *sut_memory_init(const struct sut_config *config, struct sut_memory *ret)
{
	struct sut_memory device = { .config = config };
	_cleanup_json_ json_t *events = NULL;
	struct sut_err *err = sut_state_read(config, DEVICE, &device.json);

	if (!err && !device.json)
		device.json = json_object();
	if (!err)
		err = read_events(config, &events);
	// What a torn line has cost is gone: the file begins anew with whole ones.
	if (!err)
		err = write_events(config, events);
	if (!err)
		err = begin_device(&device);
	if (err) {
		json_decref(device.json);
		return err;
	}
	uint64_t next = json_integer_value(json_object_get(device.json, "event")) + 1;
	size_t n = json_array_size(events);
	uint64_t last = n ? seq_of(json_array_get(events, n - 1)) : 0;
	device.next_event = last >= next ? last + 1 : next;
	*ret = device;
	return NULL;
}

void sut_memory_deinit(struct sut_memory *device)
{
	json_decref(device->json);
	*device = (struct sut_memory){ 0 };
}

struct sut_err *sut_memory_save(const struct sut_memory *device)
{
	return sut_state_write(device->config, DEVICE, device->json, 0600);
}

struct sut_err *sut_memory_set(struct sut_memory *device, const char *key, const char *value,
			       bool *has_changed)
{
	const char *before = json_string_value(json_object_get(device->json, key));
	bool is_same = before && value ? strcmp(before, value) == 0 : !before && !value;

	if (has_changed)
		*has_changed = !is_same;
	if (is_same)
		return NULL;
	json_object_set_new(device->json, key, value ? json_string(value) : json_null());
	return sut_memory_save(device);
}

const char *sut_memory_ring(const struct sut_memory *device)
{
	return device->config->ring ? device->config->ring : sut_state_text(device->json, "ring");
}

static struct sut_err *append(const char *path, const char *line)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	size_t size = strlen(line);

	if (fd < 0 || write(fd, line, size) != (ssize_t)size || fdatasync(fd) < 0)
		return sut_err_os(errno, "%s", path);
	return NULL;
}

static struct sut_err *trim(const struct sut_memory *device, const char *path)
{
	_cleanup_json_ json_t *events = NULL;
	struct stat info;

	if (device->config->hub || stat(path, &info) < 0 || info.st_size < MAX_EVENTS_SIZE)
		return NULL;
	struct sut_err *err = read_events(device->config, &events);
	if (err)
		return err;
	for (size_t n = json_array_size(events) / 2; n; n--)
		json_array_remove(events, 0);
	return write_events(device->config, events);
}

// The text may hold bytes of a process's name: what is no UTF-8 is left out.
static json_t *safe_text(const char *text)
{
	json_t *json = json_string(text ? text : "");

	if (!json) {
		_cleanup_free_ char *copy = strdup(text);
		for (char *c = copy; c && *c; c++)
			if ((unsigned char)*c >= 128)
				*c = '?';
		json = json_string(copy ? copy : "");
	}
	return json;
}

struct sut_err *sut_memory_event(struct sut_memory *device, int64_t time, const char *type,
				 const char *hotpatch, const char *detail)
{
	_cleanup_free_ char *path = sut_config_path(device->config, EVENTS);
	char when[SUT_TIME_SIZE];

	sut_time_format(time, when);
	_cleanup_json_ json_t *event = json_pack(
		"{s:I, s:s, s:s, s:o, s:o}", "seq", (json_int_t)device->next_event, "time", when,
		"type", type, "hotpatch", hotpatch ? safe_text(hotpatch) : json_null(), "detail",
		safe_text(detail));
	_cleanup_free_ char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
	_cleanup_free_ char *line = NULL;
	if (!path || !text || asprintf(&line, "%s\n", text) < 0)
		return sut_err_nomem();
	struct sut_err *err = append(path, line);
	if (!err)
		device->next_event++;
	return err ? err : trim(device, path);
}

struct sut_err *sut_memory_events(const struct sut_config *config, size_t most, json_t **ret)
{
	struct sut_err *err = read_events(config, ret);

	while (!err && json_array_size(*ret) > most)
		json_array_remove(*ret, json_array_size(*ret) - 1);
	return err;
}

// The number of the last one is kept apart: it must not begin anew when all are gone.
struct sut_err *sut_memory_acknowledge(struct sut_memory *device, uint64_t seq)
{
	_cleanup_json_ json_t *events = NULL;

	json_object_set_new(device->json, "event", json_integer(device->next_event - 1));
	struct sut_err *err = sut_memory_save(device);
	if (!err)
		err = read_events(device->config, &events);
	size_t before = json_array_size(events);
	while (!err && json_array_size(events) && seq_of(json_array_get(events, 0)) <= seq)
		json_array_remove(events, 0);
	if (!err && json_array_size(events) != before)
		err = write_events(device->config, events);
	return err;
}
