// SPDX-License-Identifier: Apache-2.0
#include "tuf/client.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "test.h"
#include "tuf/canonical.h"
#include "tuf/digest.h"
#include "tuf/folder.h"
#include "tuf/metadata.h"
#include "tuf/repository.h"
#include "tuf/signer.h"
#include "tuf/source.h"

/** A published repository in a folder, and a client of it. One key signs everything. */
struct fixture {
	char path[40];
	char repository[64], store[64];
	struct sut_signer *key;
	struct sut_tuf_source *source;
	struct sut_tuf_client *client;
};

static const char *const some_paths[] = { "some/*", NULL };

static struct sut_view view_of(const char *text)
{
	return (struct sut_view){ (const uint8_t *)text, strlen(text) };
}

static void begin(struct fixture *f)
{
	strcpy(f->path, "/tmp/suture-client-XXXXXX");
	EXPECT(mkdtemp(f->path) != NULL);
	snprintf(f->repository, sizeof(f->repository), "%s/repository", f->path);
	snprintf(f->store, sizeof(f->store), "%s/store", f->path);
	EXPECT_OK(sut_signer_new(&f->key));
	f->client = NULL;
	const json_t *key = sut_signer_public(f->key);
	const struct sut_repository_role roles[] = {
		{ "root", &key, 1, 1, 1000, NULL },       { "targets", &key, 1, 1, 1000, NULL },
		{ "snapshot", &key, 1, 1, 1000, NULL },   { "timestamp", &key, 1, 1, 1000, NULL },
		{ "some", &key, 1, 1, 1000, some_paths },
	};
	EXPECT_OK(sut_repository_create(f->repository, roles, 5));
	EXPECT_OK(sut_tuf_source_folder(f->repository, &f->source));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void end(struct fixture *f)
{
	sut_tuf_client_close(f->client);
	sut_tuf_source_free(f->source);
	sut_signer_free(f->key);
	EXPECT(nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

/** Stage a file, when @p path is not NULL, and publish. */
static void publish(struct fixture *f, const char *role, const char *path, const char *text)
{
	const struct sut_signer *key = f->key;
	struct sut_repository *repository;
	size_t n;

	EXPECT_OK(sut_repository_open(f->repository, &repository));
	if (path)
		EXPECT_OK(sut_repository_add(repository, role, path, view_of(text), NULL));
	EXPECT_OK(sut_repository_sign(repository, &key, 1, NULL, &n));
	EXPECT_OK(sut_repository_publish(repository, &key, 1, NULL));
	sut_repository_close(repository);
}

static void open_client(struct fixture *f)
{
	const struct sut_tuf_options options = { .store = f->store, .source = f->source };
	struct sut_file root;
	bool found;

	EXPECT_OK(sut_folder_read(f->repository, "metadata/1.root.json", 1 << 20, &found, &root));
	EXPECT(found);
	EXPECT_OK(sut_tuf_client_trust(f->store, root.view));
	sut_file_deinit(&root);
	EXPECT_OK(sut_tuf_client_open(&options, &f->client));
}

TEST(client, a_target_is_as_long_as_it_may_be)
{
	struct sut_tuf_target target;
	struct sut_file file;
	struct fixture f;
	bool found;

	begin(&f);
	publish(&f, "some", "some/file", "twelve bytes");
	open_client(&f);
	EXPECT_ERR(sut_tuf_client_find(f.client, "some/file", &target, &found), SUT_E_USAGE,
		   "is not refreshed");
	EXPECT_OK(sut_tuf_client_refresh(f.client));
	EXPECT_OK(sut_tuf_client_find(f.client, "some/file", &target, &found));
	EXPECT(found && target.file.size == 12);
	EXPECT_ERR(sut_tuf_client_get(f.client, &target, 11, &file), SUT_E_UNSUPPORTED,
		   "has 12 bytes, over 11");
	EXPECT_OK(sut_tuf_client_get(f.client, &target, 12, &file));
	EXPECT(sut_view_equal(file.view, view_of("twelve bytes")));
	sut_file_deinit(&file);
	end(&f);
}

TEST(client, resumes_without_a_source_what_it_trusted)
{
	struct sut_tuf_options options = { 0 };
	struct sut_tuf_state state;
	const struct sut_metadata *role;
	struct fixture f;

	begin(&f);
	publish(&f, "some", "some/file", "text");
	open_client(&f);
	EXPECT_ERR(sut_tuf_client_resume(f.client), SUT_E_USAGE, "holds no complete state");
	EXPECT_OK(sut_tuf_client_refresh(f.client));
	EXPECT_OK(sut_tuf_client_role(f.client, "some", &role));
	sut_tuf_client_close(f.client);
	options.store = f.store;
	EXPECT_OK(sut_tuf_client_open(&options, &f.client));
	EXPECT_ERR(sut_tuf_client_refresh(f.client), SUT_E_USAGE, "no repository was named");
	EXPECT_OK(sut_tuf_client_resume(f.client));
	sut_tuf_client_state(f.client, &state);
	EXPECT(state.root == 1 && state.timestamp == 1 && state.snapshot == 1 &&
	       state.targets == 1);
	EXPECT(state.clock_behind == 0 && state.expires > 0);
	EXPECT_OK(sut_tuf_client_role(f.client, "some", &role));
	EXPECT(role->version == 1);
	EXPECT_ERR(sut_tuf_client_role(f.client, "none", &role), SUT_E_USAGE, "no role none");
	end(&f);
}

TEST(client, a_root_of_trust_stays_unless_a_later_one_is_given)
{
	struct sut_metadata stored;
	struct sut_file root;
	struct fixture f;
	bool found;

	begin(&f);
	publish(&f, NULL, NULL, NULL);
	open_client(&f);
	sut_tuf_client_close(f.client);
	f.client = NULL;
	struct sut_repository *repository;
	EXPECT_OK(sut_repository_open(f.repository, &repository));
	EXPECT_OK(sut_repository_renew(repository, "root"));
	sut_repository_close(repository);
	publish(&f, NULL, NULL, NULL);
	for (int version = 2; version > 0; version--) {
		char name[64];
		snprintf(name, sizeof(name), "metadata/%d.root.json", version);
		EXPECT_OK(sut_folder_read(f.repository, name, 1 << 20, &found, &root));
		EXPECT_OK(sut_tuf_client_trust(f.store, root.view));
		sut_file_deinit(&root);
		EXPECT_OK(sut_folder_read(f.store, "root.json", 1 << 20, &found, &root));
		EXPECT_OK(sut_metadata_init(root.view, SUT_METADATA_ROOT, &stored));
		EXPECT(stored.version == 2);
		sut_metadata_deinit(&stored);
		sut_file_deinit(&root);
	}
	EXPECT_ERR(sut_tuf_client_trust(f.store, view_of("{}")), SUT_E_FORMAT, "root of trust");
	end(&f);
}

TEST(client, a_delegation_by_prefix_covers_what_hashes_to_it)
{
	struct sut_digests digests;
	_cleanup_json_ json_t *prefixes = json_array();
	struct sut_tuf_delegation delegation = { .prefixes = prefixes };

	EXPECT_OK(sut_digests_of(view_of("a/path"), &digests));
	EXPECT(!sut_tuf_delegation_covers(&delegation, "a/path"));
	digests.sha256[3] = '\0';
	json_array_append_new(prefixes, json_string(digests.sha256));
	EXPECT(sut_tuf_delegation_covers(&delegation, "a/path"));
	EXPECT(!sut_tuf_delegation_covers(&delegation, "another/path"));
}

TEST(client, a_name_that_leaves_its_folder_is_not_fetched)
{
	const struct sut_tuf_sink sink = { 0 };
	struct sut_tuf_source *source;
	bool found = true;

	EXPECT_OK(sut_tuf_source_folder("/", &source));
	EXPECT_ERR(source->fetch(source, SUT_TUF_TARGET, "../etc/passwd", 100, &sink, &found),
		   SUT_E_UNTRUSTED, "would leave its folder");
	EXPECT_OK(source->fetch(source, SUT_TUF_TARGET, "none", 100, &sink, &found));
	EXPECT(!found);
	sut_tuf_source_free(source);
}
