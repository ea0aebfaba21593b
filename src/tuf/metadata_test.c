// SPDX-License-Identifier: Apache-2.0
#include "tuf/metadata.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "test.h"
#include "tuf/canonical.h"
#include "tuf/signer.h"

static struct sut_view view_of(const char *text)
{
	return (struct sut_view){ (const uint8_t *)text, strlen(text) };
}

#define HEAD(type)                                                                                 \
	"\"_type\":\"" type "\",\"spec_version\":\"1.0.34\",\"version\":3,"                        \
	"\"expires\":\"2030-01-01T00:00:00Z\","
#define ENVELOPE(body) "{\"signatures\":[],\"signed\":{" body "}}"
#define ROLE           "{\"keyids\":[\"a\"],\"threshold\":1}"
#define ROOT                                                                                       \
	ENVELOPE(HEAD("root") "\"keys\":{},\"roles\":{\"root\":" ROLE ",\"targets\":" ROLE         \
			      ",\"snapshot\":" ROLE ",\"timestamp\":" ROLE "}")
#define TIMESTAMP ENVELOPE(HEAD("timestamp") "\"meta\":{\"snapshot.json\":{\"version\":7}}")
#define SNAPSHOT                                                                                   \
	ENVELOPE(HEAD("snapshot") "\"meta\":{\"targets.json\":{\"version\":7,\"length\":5,"        \
				  "\"hashes\":{\"sha256\":\"00\"}}}")
#define TARGETS                                                                                    \
	ENVELOPE(HEAD(                                                                             \
		"targets") "\"targets\":{\"a/"                                                     \
			   "b\":{\"length\":5,\"hashes\":{\"sha512\":\"00\"},\"custom\":{}}},"     \
			   "\"delegations\":{\"keys\":{},\"roles\":[{\"name\":\"x\",\"keyids\":[]" \
			   ","                                                                     \
			   "\"threshold\":2,\"terminating\":true,\"paths\":[\"x/*\"]}]}")

static const struct {
	const char *text;
	enum sut_metadata_type type;
} samples[] = {
	{ ROOT, SUT_METADATA_ROOT },
	{ TIMESTAMP, SUT_METADATA_TIMESTAMP },
	{ SNAPSHOT, SUT_METADATA_SNAPSHOT },
	{ TARGETS, SUT_METADATA_TARGETS },
};

TEST(metadata, reads_the_four_types)
{
	for (size_t i = 0; i < 4; i++) {
		struct sut_metadata metadata;
		EXPECT_OK(sut_metadata_init(view_of(samples[i].text), samples[i].type, &metadata));
		EXPECT(metadata.version == 3);
		EXPECT(metadata.expires == 1893456000);
		sut_metadata_deinit(&metadata);
	}
}

TEST(metadata, refuses_every_truncation)
{
	for (size_t i = 0; i < 4; i++)
		for (size_t size = 0; size < strlen(samples[i].text); size++) {
			struct sut_metadata metadata;
			struct sut_view cut = { (const uint8_t *)samples[i].text, size };
			EXPECT_ERR(sut_metadata_init(cut, samples[i].type, &metadata), SUT_E_FORMAT,
				   "");
		}
}

TEST(metadata, refuses_one_type_as_another)
{
	for (size_t i = 0; i < 4; i++)
		for (size_t as = 0; as < 4; as++) {
			struct sut_metadata metadata;
			if (as != i)
				EXPECT_ERR(sut_metadata_init(view_of(samples[i].text),
							     samples[as].type, &metadata),
					   SUT_E_FORMAT, "it is of type");
		}
}

static void check_refused(const char *text, enum sut_metadata_type type, enum sut_code code,
			  const char *why)
{
	struct sut_metadata metadata;

	EXPECT_ERR(sut_metadata_init(view_of(text), type, &metadata), code, why);
}

TEST(metadata, refuses_what_could_be_read_in_two_ways)
{
	check_refused("{\"signatures\":[],\"signed\":{},\"signed\":{}}", SUT_METADATA_ROOT,
		      SUT_E_FORMAT, "duplicate");
	check_refused(TIMESTAMP " x", SUT_METADATA_TIMESTAMP, SUT_E_FORMAT, "end of file");
	check_refused("[]", SUT_METADATA_ROOT, SUT_E_FORMAT, "signatures");
	check_refused("{\"signatures\":[{\"keyid\":\"a\",\"sig\":\"\"},{\"keyid\":\"a\",\"sig\":"
		      "\"00\"}],\"signed\":{}}",
		      SUT_METADATA_ROOT, SUT_E_FORMAT, "same key id");
}

TEST(metadata, refuses_wrong_members)
{
	check_refused(ENVELOPE("\"_type\":\"timestamp\",\"spec_version\":\"2.0\""),
		      SUT_METADATA_TIMESTAMP, SUT_E_UNSUPPORTED, "TUF 2.0");
	check_refused(ENVELOPE("\"_type\":\"timestamp\",\"spec_version\":\"1.0\",\"version\":0"),
		      SUT_METADATA_TIMESTAMP, SUT_E_FORMAT, "version");
	check_refused(ENVELOPE("\"_type\":\"timestamp\",\"spec_version\":\"1.0\",\"version\":1,"
			       "\"expires\":\"2030-02-30T00:00:00Z\""),
		      SUT_METADATA_TIMESTAMP, SUT_E_FORMAT, "expires");
	check_refused(ENVELOPE(HEAD("timestamp") "\"meta\":{}"), SUT_METADATA_TIMESTAMP,
		      SUT_E_FORMAT, "which snapshot");
	check_refused(ENVELOPE(HEAD("snapshot") "\"meta\":{\"a.json\":{\"version\":0}}"),
		      SUT_METADATA_SNAPSHOT, SUT_E_FORMAT, "meta");
	check_refused(ENVELOPE(HEAD("targets") "\"targets\":{\"a\":{\"length\":-1,\"hashes\":{"
					       "\"sha256\":\"\"}}}"),
		      SUT_METADATA_TARGETS, SUT_E_FORMAT, "length");
	check_refused(ENVELOPE(HEAD("targets") "\"targets\":{\"a\":{\"length\":1,\"hashes\":{}}}"),
		      SUT_METADATA_TARGETS, SUT_E_FORMAT, "hashes");
}

/** Targets metadata with one delegation, to the role @p name. */
static void check_delegation_refused(const char *one, const char *why)
{
	_cleanup_free_ char *text = NULL;

	EXPECT(asprintf(&text,
			"{\"signatures\":[],\"signed\":{" HEAD(
				"targets") "\"targets\":{},"
					   "\"delegations\":{\"keys\":{},\"roles\":[%s]}}}",
			one) > 0);
	check_refused(text, SUT_METADATA_TARGETS, SUT_E_FORMAT, why);
}

TEST(metadata, refuses_delegations_that_could_fool_a_client)
{
#define DELEGATION(name, keyids)                                                                   \
	"{\"name\":\"" name "\",\"keyids\":[" keyids                                               \
	"],\"threshold\":1,\"terminating\":false,\"paths\":[]}"
	check_delegation_refused(DELEGATION("root", ""), "name");
	check_delegation_refused(DELEGATION("", ""), "name");
	check_delegation_refused(DELEGATION("x", "") "," DELEGATION("x", ""), "twice");
	check_delegation_refused(DELEGATION("x", "\"a\",\"a\""), "keyids");
	check_delegation_refused("{\"name\":\"x\",\"keyids\":[],\"threshold\":0}", "threshold");
	check_delegation_refused("{\"name\":\"x\",\"keyids\":[],\"threshold\":1,\"terminating\":"
				 "true,\"paths\":[],\"path_hash_prefixes\":[]}",
				 "paths");
}

/** Timestamp metadata signed by @p signer under each of the ids; a role that has these ids. */
static void sign_under(const struct sut_signer *signer, const char *const *ids, size_t n,
		       struct sut_metadata *metadata, json_t *keys, json_t *keyids)
{
	_cleanup_(sut_buf_deinit) struct sut_buf message = { 0 };
	uint8_t signature[64];
	char hex[129];

	EXPECT_OK(sut_json_canonical(metadata->body, &message));
	sut_signer_sign(signer, sut_buf_view(&message), signature);
	sut_hex((struct sut_view){ signature, 64 }, hex);
	for (size_t i = 0; i < n; i++) {
		json_array_append_new(json_object_get(metadata->envelope, "signatures"),
				      json_pack("{s:s, s:s}", "keyid", ids[i], "sig", hex));
		json_object_set_new(keys, ids[i], json_deep_copy(sut_signer_public(signer)));
		json_array_append_new(keyids, json_string(ids[i]));
	}
}

TEST(metadata, counts_a_key_once_under_however_many_ids)
{
	static const char *const ids[] = { "one", "two", "three" }, *const other[] = { "four" };
	_cleanup_json_ json_t *keys = json_object(), *keyids = json_array();
	struct sut_signer *signer, *second;
	struct sut_metadata metadata;
	int64_t n;

	EXPECT_OK(sut_metadata_init(view_of(TIMESTAMP), SUT_METADATA_TIMESTAMP, &metadata));
	EXPECT_OK(sut_signer_new(&signer));
	EXPECT_OK(sut_signer_new(&second));
	sign_under(signer, ids, 3, &metadata, keys, keyids);
	struct sut_tuf_role role = { "timestamp", keys, keyids, 2 };
	EXPECT_OK(sut_metadata_count(&metadata, &role, &n));
	EXPECT(n == 1);
	EXPECT_ERR(sut_metadata_verify(&metadata, &role), SUT_E_UNTRUSTED,
		   "timestamp: signed by 1 of the 2 keys that must sign");
	sign_under(second, other, 1, &metadata, keys, keyids);
	EXPECT_OK(sut_metadata_verify(&metadata, &role));
	sut_metadata_deinit(&metadata);
	sut_signer_free(signer);
	sut_signer_free(second);
}

TEST(metadata, a_signature_is_of_unknown_members_too)
{
	static const char *const ids[] = { "one" };
	_cleanup_json_ json_t *keys = json_object(), *keyids = json_array();
	struct sut_signer *signer;
	struct sut_metadata metadata;

	EXPECT_OK(sut_metadata_init(view_of(TIMESTAMP), SUT_METADATA_TIMESTAMP, &metadata));
	EXPECT_OK(sut_signer_new(&signer));
	json_object_set_new(metadata.body, "x-more", json_integer(1));
	sign_under(signer, ids, 1, &metadata, keys, keyids);
	struct sut_tuf_role role = { "timestamp", keys, keyids, 1 };
	EXPECT_OK(sut_metadata_verify(&metadata, &role));
	json_object_set_new(metadata.body, "x-more", json_integer(2));
	EXPECT_ERR(sut_metadata_verify(&metadata, &role), SUT_E_UNTRUSTED, "signed by 0 of");
	sut_metadata_deinit(&metadata);
	sut_signer_free(signer);
}

TEST(metadata, a_wildcard_does_not_match_a_slash)
{
	EXPECT(sut_tuf_pattern_matches("targets/*.tgz", "targets/foo.tgz"));
	EXPECT(!sut_tuf_pattern_matches("targets/*.tgz", "targets/foo.txt"));
	EXPECT(sut_tuf_pattern_matches("foo-version-?.tgz", "foo-version-2.tgz"));
	EXPECT(!sut_tuf_pattern_matches("foo-version-?.tgz", "foo-version-alpha.tgz"));
	EXPECT(sut_tuf_pattern_matches("*.tgz", "foo.tgz"));
	EXPECT(!sut_tuf_pattern_matches("*.tgz", "targets/foo.tgz"));
	EXPECT(!sut_tuf_pattern_matches("a?b", "a/b"));
	EXPECT(!sut_tuf_pattern_matches("*", "a/b"));
	EXPECT(sut_tuf_pattern_matches("*/*", "a/b"));
	EXPECT(sut_tuf_pattern_matches("*", ""));
	EXPECT(!sut_tuf_pattern_matches("", "a"));
}

TEST(metadata, matches_patterns_as_a_shell_does)
{
	EXPECT(sut_tuf_pattern_matches("a*b*c", "aXbYbZc"));
	EXPECT(!sut_tuf_pattern_matches("a*b*c", "aXbYbZ"));
	EXPECT(sut_tuf_pattern_matches("x*/y*z", "xaa/yzzz"));
	EXPECT(sut_tuf_pattern_matches("?", "\xc3\xa9"));
	EXPECT(sut_tuf_pattern_matches("[a-c]1", "b1"));
	EXPECT(!sut_tuf_pattern_matches("[!a-c]1", "b1"));
	EXPECT(!sut_tuf_pattern_matches("[!a]b", "/b"));
	EXPECT(sut_tuf_pattern_matches("[x", "[x"));
	EXPECT(sut_tuf_pattern_matches("[]]", "]"));
	EXPECT(!sut_tuf_pattern_matches("README.md", "README.MD"));
}

TEST(metadata, a_pattern_of_many_stars_is_quick)
{
	char pattern[2001], path[4001];

	for (size_t i = 0; i < 2000; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[1999] = 'b';
	pattern[2000] = '\0';
	memset(path, 'a', 4000);
	path[4000] = '\0';
	EXPECT(!sut_tuf_pattern_matches(pattern, path));
}

TEST(metadata, a_file_name_cannot_leave_its_folder)
{
	char *name;

	EXPECT_OK(sut_tuf_file_name("../a b?", 3, &name));
	EXPECT(strcmp(name, "3...%2Fa%20b%3F.json") == 0);
	free(name);
	EXPECT(sut_tuf_path_is_safe("hotpatches/2026.11/x.hotpatch"));
	EXPECT(!sut_tuf_path_is_safe("/etc/passwd"));
	EXPECT(!sut_tuf_path_is_safe("a/../b"));
	EXPECT(!sut_tuf_path_is_safe("a//b"));
	EXPECT(!sut_tuf_path_is_safe("."));
	EXPECT(!sut_tuf_path_is_safe(""));
	EXPECT(!sut_tuf_path_is_safe("a\nb"));
}
