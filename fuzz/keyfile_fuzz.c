// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "tuf/key.h"
#include "tuf/signer.h"

/** Does it ask for a passphrase to be stretched? That takes too long to do it often. */
static bool is_sealed(struct sut_view bytes)
{
	_cleanup_json_ json_t *json = NULL;
	struct sut_err *err = sut_json_parse(bytes, &json);
	bool sealed = !err && json_object_get(json, "kdf");

	sut_err_free(err);
	return sealed;
}

/** Any bytes as a key file, and as a public key. A key that was taken signs what its public half
 *  verifies. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sut_view bytes = { data, size }, message = { data, size > 10 ? 10 : size };
	_cleanup_(sut_signer_freep) struct sut_signer *signer = NULL;
	_cleanup_(sut_key_deinit) struct sut_key key = { 0 };
	_cleanup_json_ json_t *json = NULL;
	uint8_t signature[SUT_ED25519_SIGNATURE] = { 0 };

	// Without a passphrase a sealed one is refused before it is stretched.
	struct sut_err *err =
		sut_signer_parse(bytes, "fuzz", is_sealed(bytes) ? NULL : "", &signer);
	if (!err) {
		sut_signer_sign(signer, message, signature);
		struct sut_key own;
		if (sut_key_init(sut_signer_public(signer), &own) ||
		    !sut_key_verify(&own, message, (struct sut_view){ signature, 64 }))
			abort();
		sut_key_deinit(&own);
	}
	sut_err_free(err);
	err = sut_json_parse(bytes, &json);
	if (!err)
		err = sut_key_init(json, &key);
	if (!err && sut_key_verify(&key, message, (struct sut_view){ signature, 0 }))
		abort();
	sut_err_free(err);
	return 0;
}
