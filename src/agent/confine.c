// SPDX-License-Identifier: Apache-2.0
#include "agent/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

struct sut_err *sut_confine_to_parent(int parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return sut_err_os(errno, "be told of the parent's end");
	// It may have ended before.
	return getppid() == parent ? NULL : sut_err(SUT_E_GONE, "the parent has ended");
}

struct sut_err *sut_confine_user(const char *name)
{
	const struct passwd *user = getpwnam(name);

	if (!user)
		return sut_err(SUT_E_USAGE,
			       "there is no user \"%s\": systemd-sysusers or adduser makes it, or "
			       "[agent] user= names another",
			       name);
	if (user->pw_uid == 0)
		return sut_err(SUT_E_USAGE, "[agent] user= must not be root");
	if (setgroups(0, NULL) < 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0)
		return sut_err_os(errno, "become user %s", name);
	// Programs that it executes get no rights back, and nobody of its own uid traces it.
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return sut_err_os(errno, "give up privileges");
	return NULL;
}

/** What the engine needs, and why. */
static const int needed[] = {
	CAP_SYS_PTRACE,      // other users' processes
	CAP_SYS_ADMIN,       // fanotify's permission events, the kernel's look at a thread
	CAP_NET_ADMIN,       // news of executed programs and of ends
	CAP_DAC_OVERRIDE,    // files of containers
	CAP_DAC_READ_SEARCH, // the same, by reading
	CAP_SYS_CHROOT,      // containers' roots
	CAP_SYS_NICE,        // a short stop
	CAP_SYS_RESOURCE,    // as many descriptors as openers
	CAP_KILL,            // its own workers
	CAP_CHOWN,           // what it hands to the network process
	CAP_FOWNER,
	CAP_SETPCAP, // to drop the others
};

static bool is_needed(int capability)
{
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (needed[i] == capability)
			return true;
	return false;
}

// Of what there is not (a container's bounding set), nothing is asked for.
struct sut_err *sut_confine_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &header, sets) < 0)
		return sut_err_os(errno, "read capabilities");
	for (int i = 0; i < 64; i++) {
		bool is_dropped = !is_needed(i) && prctl(PR_CAPBSET_READ, i) == 1;
		if (is_dropped && prctl(PR_CAPBSET_DROP, i) < 0)
			return sut_err_os(errno, "drop capability %d", i);
		if (!is_needed(i)) {
			sets[i / 32].effective &= ~(1u << i % 32);
			sets[i / 32].permitted &= ~(1u << i % 32);
		}
	}
	sets[0].inheritable = sets[1].inheritable = 0;
	if (syscall(SYS_capset, &header, sets) < 0)
		return sut_err_os(errno, "drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return sut_err_os(errno, "give up new privileges");
	return NULL;
}

// Files have fewer rights than folders.
static uint64_t rights_of(int fd, bool is_writable, int abi)
{
	static const uint64_t reads = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	uint64_t all = (1u << 13) - 1; // the rights of version 1

	if (abi >= 2)
		all |= UINT64_C(1) << 13; // to rename from one folder into another
	if (abi >= 3)
		all |= UINT64_C(1) << 14; // to truncate
	uint64_t rights = is_writable ? all & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE : reads;
	struct stat info;
	if (fstat(fd, &info) < 0 || !S_ISDIR(info.st_mode))
		rights &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
			  (abi >= 3 ? UINT64_C(1) << 14 : 0);
	return rights;
}

static struct sut_err *allow(int ruleset, const struct sut_allowed *allowed, int abi)
{
	_cleanup_close_ int fd = open(allowed->path, O_PATH | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == EACCES))
		return NULL;
	if (fd < 0)
		return sut_err_os(errno, "%s", allowed->path);
	struct landlock_path_beneath_attr rule = {
		.allowed_access = rights_of(fd, allowed->is_writable, abi),
		.parent_fd = fd,
	};
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return sut_err_os(errno, "confine to %s", allowed->path);
	return NULL;
}

struct sut_err *sut_confine_files(const struct sut_allowed *allowed, size_t n, bool *is_there_ret)
{
	int abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct sut_err *err = NULL;

	*is_there_ret = abi > 0;
	if (abi <= 0)
		return NULL;
	struct landlock_ruleset_attr attr = { .handled_access_fs = (1u << 13) - 1 };
	if (abi >= 2)
		attr.handled_access_fs |= UINT64_C(1) << 13;
	if (abi >= 3)
		attr.handled_access_fs |= UINT64_C(1) << 14;
	_cleanup_close_ int ruleset = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return sut_err_os(errno, "confine files");
	for (size_t i = 0; i < n && !err; i++)
		if (allowed[i].path)
			err = allow(ruleset, &allowed[i], abi);
	if (!err && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		err = sut_err_os(errno, "confine files");
	return err;
}
