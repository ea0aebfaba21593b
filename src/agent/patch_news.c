// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "agent/files.h"
#include "agent/log.h"
#include "agent/message.h"
#include "agent/patch_parts.h"
#include "agent/runner.h"
#include "base/cleanup.h"
#include "base/time.h"

enum { MAX_ROWS = 10000 };

_Static_assert((int)SUT_TEXT_SIZE == (int)SUT_MESSAGE_TEXT,
	       "texts of messages are kept as they are");

void sut_patcher_ask(struct sut_patcher *patcher, int type, uint32_t index, uint64_t number)
{
	struct sut_message message = sut_message_make(type, index, number, NULL);

	sut_message_send(type == SUT_MESSAGE_RUN ? patcher->commands : patcher->fetch, &message);
}

static void take_mirror(struct sut_patcher *patcher, const struct sut_message *message)
{
	bool is_trouble = !message->number;

	if (is_trouble && !patcher->trouble[0])
		sut_patcher_event(patcher, "error", NULL, message->text);
	memcpy(patcher->trouble, message->text, sizeof(patcher->trouble));
	if (!is_trouble)
		patcher->trouble[0] = 0;
	patcher->wants_act |= !is_trouble;
	patcher->wants_refresh |= !is_trouble;
	patcher->wants_tell = true;
}

static struct sut_err *take_hub(struct sut_patcher *patcher, const struct sut_message *message)
{
	bool is_held = message->number & SUT_HUB_ON_HOLD;
	bool is_paused = message->number & SUT_HUB_PAUSED, has_changed;
	json_t *json = patcher->device.json;
	const char *why = *message->text ? message->text : "held by an operator";
	struct sut_err *err =
		sut_memory_set(&patcher->device, "hub_hold", is_held ? why : NULL, &has_changed);

	patcher->hub_seen = sut_time_now();
	if (!err && is_paused != json_is_true(json_object_get(json, "paused"))) {
		json_object_set_new(json, "paused", json_boolean(is_paused));
		err = sut_memory_save(&patcher->device);
		has_changed = true;
	}
	patcher->wants_act |= !err && has_changed;
	return err;
}

static struct sut_err *take_text(struct sut_patcher *patcher, const char *key, const char *text)
{
	bool has_changed = false;
	struct sut_err *err =
		*text ? sut_memory_set(&patcher->device, key, text, &has_changed) : NULL;

	patcher->wants_act |= has_changed;
	patcher->wants_tell |= has_changed;
	return err;
}

// The first report has waited for the device's name.
static struct sut_err *take_enrolled(struct sut_patcher *patcher, const char *id)
{
	bool is_new = strcmp(sut_state_text(patcher->device.json, "id"), id) != 0;

	patcher->wants_report |= is_new;
	patcher->wants_tell |= *patcher->hub_trouble != 0;
	patcher->hub_trouble[0] = 0;
	return take_text(patcher, "id", id);
}

static void take_expired(struct sut_patcher *patcher, const char *text)
{
	if (strcmp(patcher->hub_trouble, text) == 0)
		return;
	memcpy(patcher->hub_trouble, text, sizeof(patcher->hub_trouble));
	sut_patcher_event(patcher, "error", NULL, text);
}

// The network process has begun anew: what was asked of the one before is asked again.
static void greet(struct sut_patcher *patcher)
{
	if (patcher->needs)
		sut_patcher_ask(patcher, SUT_MESSAGE_NEED, 0, 0);
	patcher->reported = 0;
	patcher->wants_report = true;
	for (size_t i = 0; i < patcher->config->n_probes; i++)
		if (patcher->config->probes[i].http)
			patcher->probing[i].is_asked = false;
}

static struct sut_err *take_ack(struct sut_patcher *patcher, uint64_t seq)
{
	if (!patcher->reported || seq != patcher->reported)
		return NULL;
	patcher->reported = 0;
	return sut_memory_acknowledge(&patcher->device, patcher->reported_event);
}

static struct sut_err *take_message(struct sut_patcher *patcher, const struct sut_message *message)
{
	switch ((enum sut_message_type)message->type) {
	case SUT_MESSAGE_HELLO:
		greet(patcher);
		return NULL;
	case SUT_MESSAGE_MIRROR:
		take_mirror(patcher, message);
		return NULL;
	case SUT_MESSAGE_RING:
		return take_text(patcher, "ring", message->text);
	case SUT_MESSAGE_ENROLLED:
		return take_enrolled(patcher, message->text);
	case SUT_MESSAGE_EXPIRED:
		take_expired(patcher, message->text);
		return NULL;
	case SUT_MESSAGE_HUB:
		return take_hub(patcher, message);
	case SUT_MESSAGE_ACK:
		return take_ack(patcher, message->number);
	case SUT_MESSAGE_PROBED:
		sut_patcher_probed(patcher, message->index, message->number, message->text);
		return NULL;
	default:
		return NULL; // the parser lets no other through
	}
}

// The one that says nonsense is ended by our own end: main starts both anew.
struct sut_err *sut_patcher_hear_fetch(struct sut_patcher *patcher)
{
	struct sut_message message;
	struct sut_err *err = NULL;
	bool found = true;

	while (!err && found) {
		err = sut_message_receive(patcher->fetch, SUT_FETCH_TO_PATCH, &found, &message);
		if (!err && found)
			err = take_message(patcher, &message);
	}
	return err;
}

struct sut_err *sut_patcher_hear_main(struct sut_patcher *patcher)
{
	struct sut_message message;
	bool found = true;

	while (found) {
		struct sut_err *err =
			sut_message_receive(patcher->commands, SUT_MAIN_TO_PATCH, &found, &message);
		if (err)
			return err;
		if (!found)
			break;
		if (message.index != SUT_RUN_BASELINE) {
			sut_patcher_probed(patcher, message.index, message.number, message.text);
			continue;
		}
		patcher->is_moving = false;
		patcher->wants_act = true;
		sut_patcher_event(patcher, message.number ? "baseline" : "error", NULL,
				  message.number ? "the packages have moved" : message.text);
	}
	return NULL;
}

static void take_row(struct sut_patcher *patcher, json_t *row)
{
	char key[16];

	snprintf(key, sizeof(key), "%d", (int)json_integer_value(json_object_get(row, "pid")));
	if (json_object_size(patcher->rows) < MAX_ROWS)
		json_object_set(patcher->rows, key, row);
	patcher->wants_act = true;
}

static void set_watch_trouble(struct sut_patcher *patcher, const char *reason)
{
	struct sut_message text = sut_message_make(0, 0, 0, reason);

	if (strcmp(patcher->watch_trouble, text.text) == 0)
		return;
	memcpy(patcher->watch_trouble, text.text, sizeof(patcher->watch_trouble));
	if (*reason)
		sut_patcher_event(patcher, "error", NULL, reason);
}

static void set_ready(struct sut_patcher *patcher)
{
	set_watch_trouble(patcher, "");
	patcher->watcher.is_ready = true;
	patcher->wants_tell = true;
}

void sut_patcher_hear_watcher(struct sut_patcher *patcher)
{
	json_t *event;

	while ((event = sut_watcher_next(&patcher->watcher))) {
		const char *name = sut_state_text(event, "event");
		if (strcmp(name, "ended") == 0 || strcmp(name, "unread") == 0)
			set_watch_trouble(patcher, sut_state_text(event, "reason"));
		else if (strcmp(name, "watching") == 0)
			set_ready(patcher);
		else if (strcmp(name, "missed") == 0)
			patcher->wants_act = true;
		else if (json_object_get(event, "outcome"))
			take_row(patcher, event);
		json_decref(event);
	}
}
