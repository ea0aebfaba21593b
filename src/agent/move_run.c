// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/files.h"
#include "agent/log.h"
#include "agent/move.h"
#include "base/cleanup.h"
#include "base/json.h"

// Runs a program and waits for it. What it says goes into our log.
static int run(char *const arguments[])
{
	char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", NULL
	};
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execvpe(arguments[0], arguments, environment);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

// "name:architecture=version": exactly that, or nothing.
static char *name_version(const json_t *package)
{
	char *text;

	return asprintf(&text, "%s:%s=%s", sut_state_text(package, "name"),
			sut_state_text(package, "architecture"), sut_state_text(package, "to")) < 0
		       ? NULL
		       : text;
}

static int install(const json_t *packages)
{
	static const char *const fixed[] = {
		"apt-get",        "--yes", "--no-install-recommends",
		"--only-upgrade", "-o",    "Dpkg::Options::=--force-confold",
		"-o",             "DPkg::Lock::Timeout=600", // s; somebody else may be at it
		"install",        "--"
	};
	enum { N_FIXED = sizeof(fixed) / sizeof(fixed[0]) };
	size_t n = 0, i;
	char **arguments = calloc(N_FIXED + json_array_size(packages) + 1, sizeof(*arguments));
	const json_t *one;

	if (!arguments)
		return 126;
	for (i = 0; i < N_FIXED; i++)
		arguments[i] = (char *)fixed[i];
	json_array_foreach(packages, i, one)
	{
		// Somebody said that it stays; apt would move none of them because of it.
		if (!json_is_true(json_object_get(one, "hold")))
			arguments[N_FIXED + n++] = name_version(one);
	}
	int status = n ? run(arguments) : 0;
	for (i = 0; i < n; i++)
		free(arguments[N_FIXED + i]);
	free(arguments);
	return status;
}

static int restart(const json_t *units)
{
	const json_t *unit;
	size_t i;
	int worst = 0;

	json_array_foreach(units, i, unit)
	{
		char *const arguments[] = { "systemctl", "restart", "--",
					    (char *)json_string_value(unit), NULL };
		int status = run(arguments);
		if (status)
			worst = status;
	}
	return worst;
}

int sut_move_run(const struct sut_config *config)
{
	char *const update[] = { "apt-get", "--quiet", "update", NULL };
	_cleanup_json_ json_t *move = NULL;
	struct sut_err *err = sut_state_read(config, "trust/move.json", &move);

	if (err || !move) {
		sut_log_err("baseline", err);
		return 125;
	}
	// Without news the exact versions may be known all the same.
	run(update);
	int status = install(json_object_get(move, "packages"));
	return status ? status : restart(json_object_get(move, "units"));
}
