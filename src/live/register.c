// SPDX-License-Identifier: Apache-2.0
#include "live/register.h"

#include <string.h>

#include "live/plan.h"
#include "patch/patch.h"
#include "process/borrow.h"
#include "process/snapshot.h"
#include "process/symbols.h"

static uint64_t unwind_data_at(const struct sut_plan *plan)
{
	for (size_t i = 0; i < plan->trace.n_parts; i++)
		if (strcmp(plan->trace.parts[i].name, SUT_UNWIND_PART) == 0)
			return plan->trace.parts[i].at;
	return 0;
}

static struct sut_addr storage_at(const struct sut_plan *plan)
{
	return (struct sut_addr){ plan->start + plan->layout.unwind };
}

// What the unwinder keeps is all zero until it has been told. A call that was begun
// is also completed, whatever becomes of the tool that made it.
static struct sut_err *is_registered(struct sut_snapshot *snapshot, const struct sut_plan *plan,
				     bool *ret)
{
	uint8_t bytes[SUT_UNWIND_SIZE];
	struct sut_err *err = sut_process_peek(&snapshot->process, storage_at(plan), bytes,
					       sizeof(bytes));

	if (!err)
		*ret = !sut_view_is_zero((struct sut_view){ bytes, sizeof(bytes) });
	return err;
}

// Exception tables are in parts of their own.
static bool has_landing_pads(const struct sut_patch *patch)
{
	for (size_t i = 0; i < patch->n_parts; i++)
		if (strncmp(patch->parts[i].name, ".gcc_except_table",
			    strlen(".gcc_except_table")) == 0)
			return true;
	return false;
}

struct sut_err *sut_register_find(struct sut_snapshot *snapshot, const struct sut_plan *plan,
				  struct sut_register *ret)
{
	struct sut_definition function = { 0 };
	bool is_found = false, is_done = false;

	*ret = (struct sut_register){ 0 };
	if (!plan->layout.unwind)
		return NULL;
	struct sut_err *err = is_registered(snapshot, plan, &is_done);
	if (!err && !is_done)
		err = sut_symbols_anywhere(snapshot, "__register_frame_info", "GCC_3.0", &is_found,
					   &function);
	if (err || is_done)
		return err;
	if (!is_found && has_landing_pads(plan->patch))
		return sut_err(SUT_E_UNSUPPORTED,
			       "its code handles exceptions, and the process has no libgcc_s to "
			       "tell about it");
	ret->function = function.at;
	ret->is_needed = is_found;
	return NULL;
}

struct sut_err *sut_register_call(const struct sut_register *reg, const struct sut_plan *plan,
				  struct sut_borrow *borrow)
{
	uint64_t ignored;
	const uint64_t args[3] = { unwind_data_at(plan), storage_at(plan).at, 0 };
	struct sut_err *err = sut_borrow_call(borrow, (struct sut_addr){ reg->function }, args,
					      &ignored);

	return err ? sut_err_wrap(err, "register unwind data") : NULL;
}
