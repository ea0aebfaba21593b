// SPDX-License-Identifier: Apache-2.0
#include "live/redirect.h"

#include <string.h>

#include "live/switch.h"
#include "process/process.h"

void sut_redirect_undo(const struct sut_traces *traces, uint64_t at, uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < traces->n; i++) {
		for (size_t j = 0; j < traces->items[i].n_functions; j++) {
			const struct sut_trace_function *f = &traces->items[i].functions[j];
			if (f->at < at || f->at + SUT_REDIRECT_SIZE > at + size)
				continue;
			uint8_t *place = bytes + (f->at - at);
			if (memcmp(place, f->after, SUT_REDIRECT_SIZE) == 0)
				memcpy(place, f->before, SUT_REDIRECT_SIZE);
		}
	}
}

struct sut_err *sut_redirect_look(const struct sut_traces *traces,
				  const struct sut_trace_function *f, struct sut_process *process,
				  enum sut_entry *ret, uint8_t now[SUT_REDIRECT_SIZE])
{
	uint8_t original[SUT_REDIRECT_SIZE];
	struct sut_err *err =
		sut_process_peek(process, (struct sut_addr){ f->at }, now, SUT_REDIRECT_SIZE);

	if (err)
		return err;
	memcpy(original, now, sizeof(original));
	sut_redirect_undo(traces, f->at, original, sizeof(original));
	if (memcmp(now, f->after, sizeof(original)) == 0)
		*ret = SUT_ENTRY_REDIRECTED;
	else if (memcmp(now, f->before, sizeof(original)) == 0)
		*ret = SUT_ENTRY_OLD;
	else if (memcmp(original, f->before, sizeof(original)) == 0)
		*ret = SUT_ENTRY_OTHERS;
	else
		return sut_err(SUT_E_MISMATCH,
			       "somebody else has changed the entry of %s at 0x%lx", f->name,
			       (unsigned long)f->at);
	return NULL;
}

struct sut_err *sut_redirect_count(const struct sut_traces *traces, const struct sut_trace *trace,
				   struct sut_process *process, size_t *ret)
{
	uint8_t now[SUT_REDIRECT_SIZE];
	enum sut_entry entry;
	size_t n = 0;

	for (size_t i = 0; i < trace->n_functions; i++) {
		struct sut_err *err =
			sut_redirect_look(traces, &trace->functions[i], process, &entry, now);
		if (err)
			return err;
		n += entry == SUT_ENTRY_REDIRECTED;
	}
	*ret = n;
	return NULL;
}

static bool is_changed_already(const struct sut_switch *s, uint64_t at)
{
	for (size_t i = 0; i < s->n_changes; i++)
		if (s->changes[i].at == at)
			return true;
	return false;
}

static struct sut_err *add_change_back(const struct sut_traces *traces,
				       const struct sut_trace_function *f,
				       struct sut_process *process, struct sut_switch *s)
{
	struct sut_change change = { .at = f->at };
	enum sut_entry entry;
	struct sut_err *err = sut_redirect_look(traces, f, process, &entry, change.before);

	if (err || entry != SUT_ENTRY_REDIRECTED || is_changed_already(s, f->at))
		return err;
	memcpy(change.after, f->before, sizeof(change.after));
	return sut_switch_add_change(s, change);
}

struct sut_err *sut_redirect_revert(const struct sut_traces *traces, const struct sut_trace *trace,
				    struct sut_process *process, struct sut_switch *s)
{
	struct sut_err *err = NULL;

	for (size_t i = 0; i < trace->n_functions && !err; i++)
		err = add_change_back(traces, &trace->functions[i], process, s);
	if (!err && trace->rx.start < trace->rx.end)
		err = sut_switch_add_range(s, (struct sut_quiet_range){
						      .span = trace->rx,
						      .entry_last = trace->rx.start - 1,
						      .name = trace->name,
					      });
	return err;
}
