// SPDX-License-Identifier: Apache-2.0
#include "agent/rest.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

// Code far from any other: the kernel maps the 64 KiB around what is used (fault_around_bytes).
__asm__(".pushsection .text\n"
	".skip 131072, 0xc3\n" // ret
	".globl rest_test_idle_code\n"
	".type rest_test_idle_code, @function\n"
	"rest_test_idle_code: ret\n"
	".skip 131072, 0xc3\n"
	".popsection");
void rest_test_idle_code(void);

/** Code that is alone on its page. */
__attribute__((noinline, noclone, aligned(4096))) static int changed_code(void)
{
	return 2;
}

__attribute__((noinline, noclone, aligned(4096), used)) static int next_code(void)
{
	return 3;
}

static void *page_of(int (*code)(void))
{
	return (void *)((uintptr_t)code & -4096);
}

// As pagemap tells, of this process (proc(5)): mincore(2) tells of the page cache.
static bool is_mapped(const struct sut_rest *rest)
{
	uint64_t entry = 0;

	if (pread(rest->pagemap, &entry, sizeof(entry),
		  (uintptr_t)rest_test_idle_code / 4096 * 8) != 8)
		return false;
	return entry >> 63;
}

static void shut(const struct sut_rest *rest)
{
	close(rest->maps);
	close(rest->pagemap);
}

static void *map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST(rest, gives_back_code_that_comes_back_when_it_is_used)
{
	struct sut_rest rest;

	sut_rest_open(&rest);
	rest_test_idle_code();
	EXPECT(is_mapped(&rest));
	EXPECT(!sut_rest_now(&rest));
	EXPECT(!is_mapped(&rest));
	rest_test_idle_code();
	EXPECT(is_mapped(&rest));
	shut(&rest);
}

TEST(rest, keeps_code_that_somebody_has_changed)
{
	struct sut_rest rest;
	unsigned char *code = page_of(changed_code), before[6];
	static const unsigned char patched[6] = { 0xb8, 7, 0, 0, 0, 0xc3 }; // mov $7, %eax; ret
	int (*volatile called)(void) = changed_code;

	sut_rest_open(&rest);
	EXPECT(called() == 2);
	memcpy(before, code, sizeof(before));
	EXPECT(mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	memcpy(code, patched, sizeof(patched));
	EXPECT(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
	EXPECT(!sut_rest_now(&rest));
	EXPECT(called() == 7);
	EXPECT(mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	memcpy(code, before, sizeof(before));
	EXPECT(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
	EXPECT(called() == 2);
	shut(&rest);
}

TEST(rest, keeps_everything_in_a_process_with_a_payload)
{
	struct sut_rest rest;
	void *payload = map_code();

	EXPECT(payload != MAP_FAILED);
	sut_rest_open(&rest);
	rest_test_idle_code();
	EXPECT(!sut_rest_now(&rest));
	EXPECT(is_mapped(&rest));
	munmap(payload, 4096);
	EXPECT(!sut_rest_now(&rest));
	EXPECT(!is_mapped(&rest));
	shut(&rest);
}

static void *come_and_go(void *is_over)
{
	while (!atomic_load((atomic_bool *)is_over)) {
		void *payload = map_code();
		usleep(50);
		munmap(payload, 4096);
		usleep(50);
	}
	return NULL;
}

TEST(rest, notices_a_payload_that_comes_meanwhile)
{
	struct sut_rest rest;
	pthread_t thread;
	atomic_bool is_over = false;
	bool is_noticed = false;
	time_t deadline = time(NULL) + 60;

	sut_rest_open(&rest);
	EXPECT(pthread_create(&thread, NULL, come_and_go, &is_over) == 0);
	while (!is_noticed && time(NULL) < deadline)
		is_noticed = sut_rest_now(&rest);
	atomic_store(&is_over, true);
	pthread_join(thread, NULL);
	EXPECT(is_noticed);
	shut(&rest);
}

TEST(rest, comes_only_after_a_wait_that_was_quiet)
{
	struct sut_rest rest = { -1, -1, true };

	EXPECT(sut_rest_timeout(&rest, -1) == 1000 && sut_rest_timeout(&rest, 500) == 500);
	EXPECT(!sut_rest_waited(&rest, 500, true) && rest.is_due);
	EXPECT(!sut_rest_waited(&rest, -1, false) && rest.is_due);
	EXPECT(!sut_rest_waited(&rest, -1, true) && !rest.is_due);
	EXPECT(sut_rest_timeout(&rest, -1) == -1 && sut_rest_timeout(&rest, 5000) == 5000);
	EXPECT(!sut_rest_waited(&rest, 5000, true) && rest.is_due);
}
