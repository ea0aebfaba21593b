// SPDX-License-Identifier: Apache-2.0
#include "live/life.h"

#include <string.h>

#include "live/trace.h"
#include "process/snapshot.h"

static bool is_there(const struct sut_snapshot *s, const struct sut_trace *trace)
{
	for (size_t i = 0; i < s->modules.n; i++)
		if (s->modules.items[i].base == trace->base &&
		    sut_build_id_equal(&s->modules.items[i].build_id, &trace->build_id))
			return true;
	return false;
}

static struct sut_err *has_redirect(struct sut_process *process, const struct sut_trace *trace,
				    bool *ret)
{
	uint8_t now[SUT_REDIRECT_SIZE];

	*ret = false;
	for (size_t i = 0; i < trace->n_functions && !*ret; i++) {
		const struct sut_trace_function *f = &trace->functions[i];
		struct sut_err *err =
			sut_process_peek(process, (struct sut_addr){ f->at }, now, sizeof(now));
		if (err)
			return err;
		*ret = memcmp(now, f->after, sizeof(now)) == 0;
	}
	return NULL;
}

// Where a redirect has stood the process has a page of its own, for as long as the
// file stays mapped. A run that was killed may have said more than it did.
struct sut_err *sut_life_find(struct sut_snapshot *snapshot, const struct sut_trace *trace,
			      enum sut_life *ret)
{
	bool was_done = trace->state == SUT_TRACE_APPLIED || trace->state == SUT_TRACE_REVERTED;
	bool is_redirected = false;
	struct sut_err *err = NULL;

	if (!is_there(snapshot, trace)) {
		*ret = SUT_LIFE_UNLOADED;
		return NULL;
	}
	if (was_done && !trace->is_lost && trace->n_functions)
		err = has_redirect(&snapshot->process, trace, &is_redirected);
	if (err)
		return err;
	bool is_reloaded = was_done && trace->n_functions && !is_redirected &&
			   !sut_process_has_own_page(&snapshot->process,
						     (struct sut_addr){ trace->functions[0].at });
	*ret = trace->is_lost || is_reloaded ? SUT_LIFE_RELOADED : SUT_LIFE_SAME;
	return NULL;
}
