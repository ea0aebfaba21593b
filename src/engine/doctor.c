// SPDX-License-Identifier: Apache-2.0
#include "engine/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "process/probe.h"
#include "process/worker.h"

enum status { STATUS_OK, STATUS_LIMITED, STATUS_BROKEN };

static const char *const status_names[] = { "ok", "limited", "broken" };

static bool add(json_t *list, const char *check, enum status status, const char *detail,
		const char *advice)
{
	return json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "check", check,
						     "status", status_names[status], "detail",
						     detail, "advice",
						     status == STATUS_OK ? "" : advice)) == 0;
}

/** A probe, and what to say about it. */
struct question {
	const char *check;
	const char *good; /**< What its success means. */
	enum status otherwise;
	const char *advice;
	size_t result; /**< Its place in struct sut_probe. */
};

#define RESULT(field) offsetof(struct sut_probe, field)

static const struct question questions[] = {
	{ "tracing", "processes can be stopped and continued", STATUS_BROKEN,
	  "run as root, or with CAP_SYS_PTRACE; in a container, allow the ptrace system call",
	  RESULT(trace) },
	{ "reading memory", "stacks can be read", STATUS_BROKEN,
	  "allow process_vm_readv: a seccomp filter or security module forbids it",
	  RESULT(read_memory) },
	{ "writing memory", "data can be written", STATUS_BROKEN,
	  "allow writing to /proc/PID/mem: a security module forbids it", RESULT(write_memory) },
	{ "writing code", "redirects can be written through write protection", STATUS_BROKEN,
	  "boot with proc_mem.force_override=ptrace (or always): the kernel forbids to write "
	  "code through /proc/PID/mem",
	  RESULT(write_code) },
	{ "signal masks", "borrowed threads receive no signal", STATUS_BROKEN,
	  "use Linux 3.11 or later", RESULT(signal_mask) },
	{ "seccomp", "services with system call filters can be patched", STATUS_LIMITED,
	  "run as root with CAP_SYS_ADMIN and outside of any seccomp filter, on a kernel with "
	  "CONFIG_CHECKPOINT_RESTORE; without, a service is refused whose filter forbids mmap",
	  RESULT(suspend_seccomp) },
	{ "mapped files", "files that were deleted or are in containers can be opened",
	  STATUS_LIMITED,
	  "run with CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE; without, stacks of processes "
	  "that are in the way are shown without names",
	  RESULT(map_files) },
	{ "memory names", "payloads are named in /proc/PID/maps", STATUS_LIMITED,
	  "nothing is wrong: Linux 5.17 with CONFIG_ANON_VMA_NAME would show payloads by name",
	  RESULT(name_memory) },
	{ "priority", "pauses stay short on a busy machine", STATUS_LIMITED,
	  "run with CAP_SYS_NICE; without, other work can lengthen a pause", RESULT(hurry) },
	{ "file events", "processes that start later can be covered", STATUS_LIMITED,
	  "run with CAP_SYS_ADMIN on a kernel with CONFIG_FANOTIFY_ACCESS_PERMISSIONS",
	  RESULT(fanotify) },
};

enum { N_QUESTIONS = sizeof(questions) / sizeof(questions[0]) };

static bool answer(json_t *list, const struct question *q, const struct sut_probe *probe)
{
	int result;

	memcpy(&result, (const char *)probe + q->result, sizeof(result));
	if (result == 0)
		return add(list, q->check, STATUS_OK, q->good, "");
	return add(list, q->check, q->otherwise, strerror(result), q->advice);
}

static bool check_machine(json_t *list)
{
	struct utsname u;
	char text[256];
	int major_no = 0, minor_no = 0;

	if (uname(&u) < 0)
		return add(list, "kernel", STATUS_LIMITED, strerror(errno), "");
	snprintf(text, sizeof(text), "Linux %.100s on %.60s", u.release, u.machine);
	if (strcmp(u.machine, "x86_64") != 0)
		return add(list, "kernel", STATUS_BROKEN, text, "use an x86-64 machine");
	sscanf(u.release, "%d.%d", &major_no, &minor_no);
	bool is_old = major_no < 4 || (major_no == 4 && minor_no < 17);
	return add(list, "kernel", is_old ? STATUS_LIMITED : STATUS_OK, text,
		   "use Linux 4.17 or later, where memory can be mapped without replacing other");
}

// Yama (Documentation/admin-guide/LSM/Yama.rst): 3 forbids tracing until reboot.
static bool check_yama(json_t *list)
{
	struct sut_file file = { 0 };
	struct sut_err *err = sut_file_read("/proc/sys/kernel/yama/ptrace_scope", &file);
	int scope = !err && file.view.size ? file.view.data[0] - '0' : 0;
	char text[64];

	sut_err_free(err);
	sut_file_deinit(&file);
	snprintf(text, sizeof(text), "kernel.yama.ptrace_scope is %d", scope);
	return add(list, "Yama", scope >= 3 ? STATUS_BROKEN : STATUS_OK, text,
		   "set kernel.yama.ptrace_scope to 2 or less at boot: 3 forbids all tracing");
}

static bool check_user(json_t *list)
{
	char text[64];

	snprintf(text, sizeof(text), geteuid() ? "user %u" : "root", geteuid());
	return add(list, "user", geteuid() ? STATUS_LIMITED : STATUS_OK, text,
		   "run as root: other users' processes are out of reach");
}

static json_t *probe_all(void *context)
{
	struct sut_probe probe;
	json_t *list = json_array();
	struct sut_err *err = sut_probe_run(&probe);
	bool is_whole = list;

	(void)context;
	if (err) {
		add(list, "tracing", STATUS_BROKEN, err->msg, "");
		sut_err_free(err);
		return list;
	}
	// Without tracing, the rest has not been tried.
	for (int i = 0; i < (probe.trace ? 1 : N_QUESTIONS) && is_whole; i++)
		is_whole = answer(list, &questions[i], &probe);
	return is_whole ? list : NULL;
}

static bool has_broken(const json_t *list)
{
	size_t i;
	json_t *item;

	json_array_foreach((json_t *)list, i, item) {
		if (strcmp(json_string_value(json_object_get(item, "status")),
			   status_names[STATUS_BROKEN]) == 0)
			return true;
	}
	return false;
}

struct sut_err *sut_doctor(json_t **ret, bool *works)
{
	struct sut_worker worker;
	json_t *probed = NULL, *list = json_array();
	struct sut_err *err = sut_worker_start(probe_all, NULL, &worker);

	if (!err)
		err = sut_worker_finish(&worker, &probed);
	if (!err && (!check_machine(list) || !check_user(list) || !check_yama(list) ||
		     json_array_extend(list, probed) < 0))
		err = sut_err_nomem();
	json_decref(probed);
	if (err) {
		json_decref(list);
		return err;
	}
	*works = !has_broken(list);
	*ret = list;
	return NULL;
}
