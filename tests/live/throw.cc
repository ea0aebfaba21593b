// SPDX-License-Identifier: Apache-2.0
// A victim in C++: main() calls catcher(), that calls through(), that calls
// thrower(). "a": what comes of it; "t": the same on a thread that is cancelled
// inside; "q": quit. The answer counts destructors that have run. With -DFIX and
// -DHAS_… it is the fix of some of the functions.
#include <cstdio>
#include <cstring>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <unistd.h>

#ifdef FIX
extern __attribute__((visibility("hidden"))) int n_destroyed;
#else
int n_destroyed;
#define HAS_thrower 1
#define HAS_through 1
#define HAS_catcher 1
#endif

struct Guard {
	~Guard() { n_destroyed++; }
};

extern "C" {
int thrower(int x);
int through(int x);
int catcher(int x);
int sleeper(int x);
}

#ifndef FIX
extern "C" __attribute__((noinline)) int sleeper(int x)
{
	if (x == 2)
		pause();
	return x;
}
#endif

#ifdef FIX
#define TEXT "new"
#define VALUE 1000
#else
#define TEXT "old"
#define VALUE 0
#endif

#ifdef HAS_thrower
extern "C" __attribute__((noinline)) int thrower(int x)
{
	if (sleeper(x) == 1)
		throw std::runtime_error(std::string(TEXT) + " error");
	return x + VALUE;
}
#endif

#ifdef HAS_through
extern "C" __attribute__((noinline)) int through(int x)
{
	Guard guard;

	return thrower(x) + VALUE;
}
#endif

#ifdef HAS_catcher
extern "C" __attribute__((noinline)) int catcher(int x)
{
	try {
		return through(x) + VALUE;
	} catch (const std::runtime_error &e) {
		return std::strcmp(e.what(), "new error") == 0 ? 43 : 7;
	}
}
#endif

#ifndef FIX
static void *work(void *)
{
	Guard guard;

	return reinterpret_cast<void *>(static_cast<long>(catcher(2)));
}

static int cancel_inside()
{
	pthread_t thread;
	void *result;

	pthread_create(&thread, nullptr, work, nullptr);
	usleep(20000);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	return result == PTHREAD_CANCELED;
}

int main()
{
	std::puts("ready");
	std::fflush(stdout);
	for (int c; (c = std::getchar()) != EOF && c != 'q';) {
		n_destroyed = 0;
		if (c == 'a') {
			int answer = catcher(1);
			std::printf("%d %d\n", answer, n_destroyed);
		}
		if (c == 't') {
			int cancelled = cancel_inside();
			std::printf("%d %d\n", cancelled, n_destroyed);
		}
		std::fflush(stdout);
	}
	return 0;
}
#endif
