// SPDX-License-Identifier: Apache-2.0
#include "tuf/repository.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "test.h"
#include "tuf/signer.h"

enum { ROOT_A, ROOT_B, TARGETS, RELEASE_A, RELEASE_B, HUB, ONLINE, SPARE, N_KEYS };

/** A repository in a temporary folder, with its keys. */
struct fixture {
	char path[32];
	struct sut_signer *keys[N_KEYS];
	struct sut_repository *repository;
};

static const char *const hotpatch_paths[] = { "hotpatches/*", "hotpatches/*/*", NULL };
static const char *const rollout_paths[] = { "rollouts/*", NULL };

static void begin(struct fixture *f)
{
	const json_t *keys[N_KEYS];

	strcpy(f->path, "/tmp/suture-repo-XXXXXX");
	EXPECT(mkdtemp(f->path) != NULL);
	for (size_t i = 0; i < N_KEYS; i++) {
		EXPECT_OK(sut_signer_new(&f->keys[i]));
		keys[i] = sut_signer_public(f->keys[i]);
	}
	const struct sut_repository_role roles[] = {
		{ "root", &keys[ROOT_A], 2, 2, 1000, NULL },
		{ "targets", &keys[TARGETS], 1, 1, 1000, NULL },
		{ "snapshot", &keys[ONLINE], 1, 1, 1000, NULL },
		{ "timestamp", &keys[ONLINE], 1, 1, 1000, NULL },
		{ "hotpatches", &keys[RELEASE_A], 2, 2, 1000, hotpatch_paths },
		{ "rollouts", &keys[HUB], 1, 1, 1000, rollout_paths },
	};
	EXPECT_OK(sut_repository_create(f->path, roles, 6));
	EXPECT_ERR(sut_repository_create(f->path, roles, 6), SUT_E_USAGE, "already");
	EXPECT_OK(sut_repository_open(f->path, &f->repository));
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
	sut_repository_close(f->repository);
	for (size_t i = 0; i < N_KEYS; i++)
		sut_signer_free(f->keys[i]);
	EXPECT(nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static size_t sign(struct fixture *f, size_t first, size_t n)
{
	size_t signatures;

	EXPECT_OK(sut_repository_sign(f->repository, (const struct sut_signer **)&f->keys[first], n,
				      NULL, &signatures));
	return signatures;
}

static void publish_all(struct fixture *f)
{
	sign(f, 0, N_KEYS);
	EXPECT_OK(sut_repository_publish(f->repository,
					 (const struct sut_signer **)&f->keys[ONLINE], 1, NULL));
}

static bool has_file(const struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = NULL;

	EXPECT(asprintf(&path, "%s/%s", f->path, name) > 0);
	return access(path, F_OK) == 0;
}

static struct sut_view view_of(const char *text)
{
	return (struct sut_view){ (const uint8_t *)text, strlen(text) };
}

/** The row of a role. */
static struct sut_repository_row row_of(struct fixture *f, const char *name)
{
	_cleanup_free_ struct sut_repository_row *rows = NULL;
	struct sut_repository_row row = { 0 };
	size_t n;

	EXPECT_OK(sut_repository_rows(f->repository, &rows, &n));
	EXPECT(n == 6);
	for (size_t i = 0; i < n; i++)
		if (strcmp(rows[i].name, name) == 0)
			row = rows[i];
	EXPECT(row.name != NULL);
	return row;
}

TEST(repository, publishes_only_what_enough_people_signed)
{
	struct fixture f;
	const struct sut_signer *online;

	begin(&f);
	online = f.keys[ONLINE];
	EXPECT_ERR(sut_repository_publish(f.repository, &online, 1, NULL), SUT_E_USAGE,
		   "role root: 0 of 2 signatures are there");
	EXPECT(sign(&f, ROOT_A, 1) == 1);
	EXPECT(row_of(&f, "root").n_signed == 1);
	EXPECT(sign(&f, ROOT_B, 3) == 3);
	EXPECT_ERR(sut_repository_publish(f.repository, &online, 1, NULL), SUT_E_USAGE,
		   "role hotpatches: 1 of 2 signatures are there");
	EXPECT(!has_file(&f, "metadata"));
	publish_all(&f);
	EXPECT(has_file(&f, "metadata/1.root.json"));
	EXPECT(has_file(&f, "metadata/1.hotpatches.json"));
	EXPECT(has_file(&f, "metadata/1.snapshot.json"));
	EXPECT(has_file(&f, "metadata/timestamp.json"));
	EXPECT(row_of(&f, "root").version == 1);
	EXPECT(row_of(&f, "hotpatches").staged_version == 0);
	end(&f);
}

TEST(repository, a_file_is_staged_signed_and_published_under_its_digest)
{
	static const char name[] =
		"hotpatches/2026.11/"
		"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
		".x.hotpatch";
	char published[256], staged[256];
	struct sut_file file;
	struct fixture f;

	begin(&f);
	publish_all(&f);
	snprintf(published, sizeof(published), "targets/%s", name);
	snprintf(staged, sizeof(staged), "staged/targets/%s", name);
	_cleanup_json_ json_t *custom = json_pack("{s:s}", "name", "x");
	EXPECT_OK(sut_repository_add(f.repository, "hotpatches", "hotpatches/2026.11/x.hotpatch",
				     view_of("hello"), custom));
	EXPECT(has_file(&f, staged) && !has_file(&f, published));
	EXPECT(json_object_size(sut_repository_targets(f.repository, "hotpatches", true)) == 0);
	EXPECT(json_object_size(sut_repository_targets(f.repository, "hotpatches", false)) == 1);
	publish_all(&f);
	EXPECT(!has_file(&f, staged) && has_file(&f, published));
	EXPECT(row_of(&f, "hotpatches").version == 2 && row_of(&f, "snapshot").version == 2);
	EXPECT(row_of(&f, "rollouts").version == 1);
	EXPECT_OK(sut_repository_read(f.repository, "hotpatches", "hotpatches/2026.11/x.hotpatch",
				      &file));
	EXPECT(sut_view_equal(file.view, view_of("hello")));
	sut_file_deinit(&file);
	// The same again changes nothing.
	EXPECT_OK(sut_repository_add(f.repository, "hotpatches", "hotpatches/2026.11/x.hotpatch",
				     view_of("hello"), custom));
	EXPECT(row_of(&f, "hotpatches").staged_version == 0);
	end(&f);
}

TEST(repository, a_role_speaks_only_for_its_paths)
{
	struct fixture f;

	begin(&f);
	EXPECT_ERR(sut_repository_add(f.repository, "rollouts", "hotpatches/x", view_of(""), NULL),
		   SUT_E_USAGE, "role rollouts does not speak for hotpatches/x");
	EXPECT_ERR(sut_repository_add(f.repository, "rollouts", "rollouts/../x", view_of(""), NULL),
		   SUT_E_USAGE, "no path of a target");
	EXPECT_ERR(sut_repository_add(f.repository, "nobody", "x", view_of(""), NULL), SUT_E_USAGE,
		   "no role \"nobody\"");
	end(&f);
}

TEST(repository, one_role_is_published_while_another_waits_for_signatures)
{
	static const char *const only[] = { "rollouts", NULL };
	struct fixture f;

	begin(&f);
	publish_all(&f);
	EXPECT_OK(
		sut_repository_add(f.repository, "hotpatches", "hotpatches/a", view_of("a"), NULL));
	EXPECT_OK(sut_repository_add(f.repository, "rollouts", "rollouts/r", view_of("r"), NULL));
	EXPECT(sign(&f, HUB, 2) == 1);
	EXPECT_OK(sut_repository_publish(f.repository, (const struct sut_signer **)&f.keys[HUB], 2,
					 only));
	EXPECT(row_of(&f, "rollouts").version == 2);
	EXPECT(row_of(&f, "hotpatches").version == 1);
	EXPECT(row_of(&f, "hotpatches").staged_version == 2);
	// With nothing staged that is chosen, only the timestamp is renewed.
	EXPECT_OK(sut_repository_publish(f.repository, (const struct sut_signer **)&f.keys[HUB], 2,
					 only));
	EXPECT(row_of(&f, "timestamp").version == 3 && row_of(&f, "snapshot").version == 2);
	end(&f);
}

TEST(repository, another_machine_signs_an_exported_file)
{
	const struct sut_signer *other, *spare;
	struct fixture f;
	char file[64];
	size_t n;

	begin(&f);
	other = f.keys[RELEASE_B];
	spare = f.keys[SPARE];
	snprintf(file, sizeof(file), "%s/for-b.json", f.path);
	publish_all(&f);
	EXPECT_OK(
		sut_repository_add(f.repository, "hotpatches", "hotpatches/a", view_of("a"), NULL));
	EXPECT_OK(sut_repository_export(f.repository, "hotpatches", file));
	EXPECT_OK(sut_repository_sign_file(file, &spare, 1));
	EXPECT_OK(sut_repository_sign_file(file, &other, 1));
	EXPECT(sign(&f, RELEASE_A, 1) == 1);
	EXPECT_OK(sut_repository_import(f.repository, file, &n));
	EXPECT(n == 1); // the spare key is none of the role's
	EXPECT(row_of(&f, "hotpatches").n_signed == 2);
	// What was changed since cannot be signed by what was exported before.
	EXPECT_OK(
		sut_repository_add(f.repository, "hotpatches", "hotpatches/b", view_of("b"), NULL));
	EXPECT_ERR(sut_repository_import(f.repository, file, &n), SUT_E_MISMATCH,
		   "export it again");
	EXPECT(row_of(&f, "hotpatches").n_signed == 0);
	end(&f);
}

TEST(repository, a_new_root_is_signed_by_old_and_new_keys)
{
	struct fixture f;

	begin(&f);
	publish_all(&f);
	EXPECT_OK(
		sut_repository_add_key(f.repository, "root", sut_signer_public(f.keys[SPARE]), 0));
	EXPECT_OK(
		sut_repository_remove_key(f.repository, "root", sut_signer_id(f.keys[ROOT_A]), 0));
	EXPECT(sign(&f, ROOT_B, 1) == 1);
	EXPECT(sign(&f, SPARE, 1) == 1);
	EXPECT_ERR(sut_repository_publish(f.repository, (const struct sut_signer **)&f.keys[ONLINE],
					  1, NULL),
		   SUT_E_USAGE, "role root: 1 of 2 signatures");
	EXPECT(sign(&f, ROOT_A, 1) == 1);
	publish_all(&f);
	EXPECT(has_file(&f, "metadata/2.root.json") && has_file(&f, "metadata/1.root.json"));
	EXPECT_ERR(
		sut_repository_remove_key(f.repository, "root", sut_signer_id(f.keys[ROOT_B]), 0),
		SUT_E_USAGE, "1 keys cannot make 2 signatures");
	EXPECT(row_of(&f, "root").staged_version == 0);
	end(&f);
}

TEST(repository, a_delegated_role_whose_key_goes_is_staged_to_be_signed_again)
{
	struct fixture f;

	begin(&f);
	publish_all(&f);
	EXPECT_OK(sut_repository_add_key(f.repository, "rollouts", sut_signer_public(f.keys[SPARE]),
					 0));
	EXPECT(row_of(&f, "rollouts").staged_version == 0);
	EXPECT_OK(
		sut_repository_remove_key(f.repository, "rollouts", sut_signer_id(f.keys[HUB]), 0));
	EXPECT(row_of(&f, "rollouts").staged_version == 2);
	publish_all(&f);
	EXPECT(row_of(&f, "rollouts").version == 2 && row_of(&f, "targets").version == 2);
	EXPECT(row_of(&f, "rollouts").n_signed == 1);
	end(&f);
}

TEST(repository, is_found_again_when_it_is_opened_again)
{
	struct fixture f;

	begin(&f);
	publish_all(&f);
	EXPECT_OK(sut_repository_add(f.repository, "rollouts", "rollouts/r", view_of("r"), NULL));
	EXPECT(sign(&f, HUB, 1) == 1);
	sut_repository_close(f.repository);
	f.repository = NULL;
	EXPECT_OK(sut_repository_open(f.path, &f.repository));
	EXPECT(row_of(&f, "rollouts").staged_version == 2 && row_of(&f, "rollouts").n_signed == 1);
	EXPECT(row_of(&f, "root").version == 1 && row_of(&f, "timestamp").version == 1);
	publish_all(&f);
	end(&f);
}

TEST(repository, a_key_is_replaced_also_when_the_old_one_is_lost)
{
	struct fixture f;

	begin(&f);
	publish_all(&f);
	EXPECT_OK(sut_repository_add_key(f.repository, "timestamp",
					 sut_signer_public(f.keys[SPARE]), 0));
	EXPECT_OK(sut_repository_remove_key(f.repository, "timestamp",
					    sut_signer_id(f.keys[ONLINE]), 0));
	sign(&f, 0, N_KEYS);
	EXPECT_OK(sut_repository_publish(f.repository, (const struct sut_signer **)&f.keys[ONLINE],
					 2, NULL));
	// Back again, without the key that is current.
	EXPECT_OK(sut_repository_add_key(f.repository, "timestamp",
					 sut_signer_public(f.keys[ONLINE]), 0));
	EXPECT_OK(sut_repository_remove_key(f.repository, "timestamp", sut_signer_id(f.keys[SPARE]),
					    0));
	sign(&f, 0, N_KEYS);
	const struct sut_signer *spare = f.keys[SPARE];
	EXPECT_ERR(sut_repository_publish(f.repository, &spare, 1, NULL), SUT_E_USAGE,
		   "role timestamp: 0 of 1 signatures are there");
	EXPECT(!has_file(&f, "metadata/3.root.json"));
	EXPECT_OK(sut_repository_publish(f.repository, (const struct sut_signer **)&f.keys[ONLINE],
					 1, NULL));
	EXPECT(has_file(&f, "metadata/3.root.json"));
	end(&f);
}
