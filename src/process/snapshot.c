// SPDX-License-Identifier: Apache-2.0
#include "process/snapshot.h"

static struct sut_err *check_facts(const struct sut_snapshot *s)
{
	const struct sut_process_facts *f = &s->facts;

	if (f->state == 'Z' || f->state == 'X')
		return sut_err(SUT_E_GONE, "process %d has exited", s->process.pid);
	if (f->is_kernel)
		return sut_err(SUT_E_UNSUPPORTED, "is a kernel thread");
	if (f->leader != s->process.pid)
		return sut_err(SUT_E_UNSUPPORTED, "is a thread of process %d", f->leader);
	return NULL;
}

struct sut_err *sut_snapshot_open(pid_t pid, struct sut_snapshot *ret)
{
	*ret = (struct sut_snapshot){ 0 };
	struct sut_err *err = sut_process_open(pid, &ret->process);

	if (err)
		return err;
	err = sut_process_facts(&ret->process, &ret->facts);
	if (!err)
		err = check_facts(ret);
	if (err)
		sut_process_close(&ret->process);
	return err;
}

void sut_snapshot_close(struct sut_snapshot *snapshot)
{
	sut_modules_deinit(&snapshot->modules);
	sut_maps_deinit(&snapshot->maps);
	sut_process_close(&snapshot->process);
}

struct sut_err *sut_snapshot_read(struct sut_snapshot *s)
{
	sut_modules_deinit(&s->modules);
	sut_maps_deinit(&s->maps);
	// The memory is opened first. If the process executes another program now, the
	// map is of the new image, and the old memory no longer answers.
	struct sut_err *err = sut_process_hold(&s->process);

	if (!err)
		err = sut_process_maps(&s->process, &s->maps);
	if (!err)
		err = sut_modules_read(&s->process, &s->maps, &s->modules);
	if (!err && s->maps.n) {
		uint8_t byte;
		struct sut_addr at = { s->maps.items[0].span.start };
		err = sut_process_peek(&s->process, at, &byte, sizeof(byte));
		// What lies there may be protected against reading; gone is gone.
		if (err && err->code != SUT_E_GONE) {
			sut_err_free(err);
			err = NULL;
		}
	}
	return err;
}
