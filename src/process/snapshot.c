// SPDX-License-Identifier: Apache-2.0
#include "process/snapshot.h"

#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"

static struct sut_err *has_exited(const struct sut_snapshot *s)
{
	return sut_err(SUT_E_GONE, "process %d has exited", s->process.pid);
}

static struct sut_err *check_facts(const struct sut_snapshot *s)
{
	const struct sut_process_facts *f = &s->facts;

	if (f->state == 'Z' || f->state == 'X')
		return has_exited(s);
	if (f->is_kernel)
		return sut_err(SUT_E_UNSUPPORTED, "is a kernel thread");
	if (f->leader != s->process.pid)
		return sut_err(SUT_E_UNSUPPORTED, "is a thread of process %d", f->leader);
	if (!f->has_memory)
		return has_exited(s);
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

// What tells the program that a process runs from any other that it ran or will run: its
// auxiliary vector, which has an address that the kernel chose at random. execve writes
// it when everything is mapped (fs/binfmt_elf.c, create_elf_tables()); before that it
// is all zero. Returns 0 then.
static struct sut_err *read_image(const struct sut_process *process, uint64_t *ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_process_read(process, "auxv", &file);
	bool is_written = false;

	if (err)
		return err;
	for (size_t i = 0; i < file.view.size; i++)
		is_written |= file.view.data[i] != 0;
	*ret = is_written ? sut_hash(SUT_HASH_SEED, file.view.data, file.view.size) | 1 : 0;
	return NULL;
}

bool sut_snapshot_is_current(const struct sut_snapshot *s)
{
	uint64_t image;
	struct sut_err *err = read_image(&s->process, &image);

	sut_err_free(err);
	return !err && image == s->image;
}

static struct sut_err *read_memory(struct sut_snapshot *s)
{
	sut_modules_deinit(&s->modules);
	sut_maps_deinit(&s->maps);
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

// Read it once. True when that was of one program, and whole; or an error of that.
static bool read_once(struct sut_snapshot *s, struct sut_err **err)
{
	uint64_t image_after = 0;

	sut_process_release(&s->process);
	*err = read_image(&s->process, &s->image);
	if (*err || s->image == 0)
		return *err;
	*err = read_memory(s);
	struct sut_err *late = read_image(&s->process, &image_after);
	if (!late && image_after == s->image)
		return true;
	sut_err_free(*err);
	*err = late;
	return late;
}

struct sut_err *sut_snapshot_read(struct sut_snapshot *s)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };
	enum { MAX_TRIES = 1000 };
	struct sut_err *err;

	for (int tries = 0; tries < MAX_TRIES; tries++) {
		if (read_once(s, &err))
			return err;
		if (!sut_process_renew(&s->process))
			return has_exited(s);
		nanosleep(&moment, NULL);
	}
	return sut_err(SUT_E_BUSY, "is executing a program");
}
