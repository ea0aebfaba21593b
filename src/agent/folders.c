// SPDX-License-Identifier: Apache-2.0
#include "agent/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "tuf/folder.h"

/** A folder below the state. */
static const struct folder {
	const char *name;
	mode_t mode;
	bool is_fetchers; /**< Its owner is the network process's user. */
	bool is_groups;   /**< Its group is. */
} folders[] = {
	{ SUT_FOLDER_MIRROR, 0755, true, true },
	{ SUT_FOLDER_IDENTITY, 0700, true, true },
	{ SUT_FOLDER_FETCHED, 0700, true, true },
	// What is made in it is of its group.
	{ SUT_FOLDER_OUTBOX, 02750, false, true },
	{ SUT_FOLDER_TRUST, 0700, false, false },
	{ SUT_FOLDER_TRUST "/hotpatches", 0700, false, false },
	{ SUT_FOLDER_TRUST "/store", 0700, false, false },
};

// By descriptor, and never through a link: the folders above may be somebody else's.
static struct sut_err *make_folder(const struct sut_config *config, const struct folder *folder,
				   const struct passwd *user)
{
	_cleanup_free_ char *path = sut_config_path(config, folder->name);

	if (!path)
		return sut_err_nomem();
	if (mkdir(path, folder->mode) < 0 && errno != EEXIST)
		return sut_err_os(errno, "%s", path);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 ||
	    fchown(fd, folder->is_fetchers ? user->pw_uid : 0,
		   folder->is_groups ? user->pw_gid : 0) < 0 ||
	    fchmod(fd, folder->mode) < 0)
		return sut_err_os(errno, "%s", path);
	return NULL;
}

static struct sut_err *take_lock(const struct sut_config *config)
{
	_cleanup_free_ char *path = sut_config_path(config, "lock");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return sut_err_os(errno, "%s/lock", config->state);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return NULL; // the descriptor stays open
	close(fd);
	return sut_err(SUT_E_BUSY, "another agent runs with %s", config->state);
}

struct sut_err *sut_folders_make(const struct sut_config *config)
{
	const struct passwd *user = getpwnam(config->user);
	struct sut_err *err;

	if (!user)
		return sut_err(SUT_E_USAGE,
			       "there is no user \"%s\": systemd-sysusers or adduser makes it, or "
			       "[agent] user= names another",
			       config->user);
	err = sut_folder_make(config->state);
	if (!err)
		err = sut_folder_make(config->runtime);
	if (!err)
		err = take_lock(config);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && !err; i++)
		err = make_folder(config, &folders[i], user);
	return err;
}
