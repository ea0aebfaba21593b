// SPDX-License-Identifier: Apache-2.0
#include "cli/hub_trust.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tuf/pinned.h"

static struct sut_err *clean_fingerprint(const char *text, char ret[SUT_PINNED_SIZE])
{
	size_t n = 0;

	for (const char *c = text; *c; c++) {
		if (*c == ':')
			continue;
		if (!isxdigit((unsigned char)*c) || n == SUT_PINNED_SIZE - 1)
			return sut_err(SUT_E_USAGE, "--fingerprint: '%s' is no SHA-256", text);
		ret[n++] = tolower((unsigned char)*c);
	}
	ret[n] = 0;
	return n == SUT_PINNED_SIZE - 1
		       ? NULL
		       : sut_err(SUT_E_USAGE, "--fingerprint: '%s' is no SHA-256", text);
}

struct sut_err *sut_hub_trust_read(const char *url, const char *ca_file, const char *fingerprint,
				   char **ret)
{
	char wanted[SUT_PINNED_SIZE], digest[SUT_PINNED_SIZE];
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = fingerprint ? clean_fingerprint(fingerprint, wanted) : NULL;

	*ret = NULL;
	if (err || (!ca_file && !fingerprint))
		return err;
	if (!ca_file)
		return sut_pinned_ask(url, wanted, ret);
	err = sut_file_read(ca_file, &file);
	if (err)
		return err;
	_cleanup_free_ char *pem = strndup((const char *)file.view.data, file.view.size);
	if (!pem)
		return sut_err_nomem();
	if (!sut_pinned_digest(pem, digest))
		return sut_err(SUT_E_FORMAT, "%s: no certificate in PEM", ca_file);
	if (fingerprint && strcmp(digest, wanted) != 0)
		return sut_err(SUT_E_DENIED, "%s: its fingerprint is %s", ca_file, digest);
	*ret = steal(pem);
	return NULL;
}
