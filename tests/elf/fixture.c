// SPDX-License-Identifier: Apache-2.0

/**
 * A small library that has one of each thing the ELF reader knows: imports and
 * exports with versions, relative and symbolic relocations, thread-local data,
 * a constructor, an exception table with its personality. The unit tests damage
 * it in all ways.
 */

extern int puts(const char *);
extern void *malloc(unsigned long);

static const char *const names[] = { "one", "two", "three" };
const char *const *fixture_names = names;
static __thread int own = 1;
static int (*volatile out)(const char *) = puts;

static void drop(int *p)
{
	out(names[*p & 1]);
}

__attribute__((constructor)) static void begin(void)
{
	own++;
}

int fixture_other(int x);
int fixture_other(int x)
{
	int y __attribute__((cleanup(drop))) = x;

	out(fixture_names[x]);
	return malloc(x) != 0 && own;
}
