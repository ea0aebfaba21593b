// SPDX-License-Identifier: Apache-2.0

/**
 * A program that loads the library flavour of a pair: usage: host LIBRARY.
 * Hands it the lines of standard input, as the program flavour does by itself.
 */

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

struct session;
struct table;

static void *must_find(void *library, const char *name)
{
	void *f = dlsym(library, name);

	if (!f)
		fprintf(stderr, "no %s\n", name);
	return f;
}

int main(int argc, char **argv)
{
	void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	char bytes[512];
	ssize_t n;

	if (!library) {
		fprintf(stderr, "usage: %s LIBRARY: %s\n", argv[0], argc == 2 ? dlerror() : "");
		return 2;
	}
	struct table *(*table_new)(size_t) = must_find(library, "table_new");
	void (*table_free)(struct table *) = must_find(library, "table_free");
	struct session *(*session_new)(int, struct table *) = must_find(library, "session_new");
	void (*session_free)(struct session *) = must_find(library, "session_free");
	void (*session_feed)(struct session *, const char *, size_t) =
		must_find(library, "session_feed");
	bool (*session_flush)(struct session *) = must_find(library, "session_flush");
	if (!table_new || !table_free || !session_new || !session_free || !session_feed ||
	    !session_flush)
		return 2;

	struct table *table = table_new(10000);
	struct session *session = session_new(1, table);
	while ((n = read(0, bytes, sizeof(bytes))) > 0) {
		session_feed(session, bytes, n);
		if (!session_flush(session))
			break;
	}
	session_free(session);
	table_free(table);
	return dlclose(library) ? 1 : 0;
}
