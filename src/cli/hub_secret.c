// SPDX-License-Identifier: Apache-2.0
#include "cli/hub_secret.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

void sut_hub_secret_wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
}

struct sut_err *sut_hub_secret_read(const char *path, const char *what, char **ret)
{
	char prompt[64];
	char *secret;

	if (path) {
		_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
		struct sut_err *err = sut_file_read(path, &file);
		if (err)
			return err;
		const char *text = (const char *)file.view.data;
		const char *end = file.view.size ? memchr(text, '\n', file.view.size) : NULL;
		secret = strndup(text ? text : "", end ? (size_t)(end - text) : file.view.size);
	} else {
		// getpass(3) opens the terminal itself and turns the echo off.
		snprintf(prompt, sizeof(prompt), "%s: ", what);
		char *typed = getpass(prompt);
		secret = strdup(typed ? typed : "");
		sut_hub_secret_wipe(typed);
	}
	if (!secret)
		return sut_err_nomem();
	if (!*secret) {
		free(secret);
		return sut_err(SUT_E_USAGE, "%s: empty", path ? path : what);
	}
	*ret = secret;
	return NULL;
}
