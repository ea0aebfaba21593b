// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Shapes: documents as tables
 *
 * A shape says which members a JSON object has, and where in a C struct each one
 * goes. From the one table come reading with all checks, writing, and freeing, so
 * that the three cannot disagree.
 *
 * Reading is strict with what it knows: a member that is missing or of another form
 * is refused, with its path in the error ("hotpatches[2]: \"size\" is missing").
 * Members that it does not know are ignored, so that documents can grow.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/** What a member is, and the type of its place in the struct. */
enum sut_member_kind {
	SUT_MEMBER_TEXT,    /**< Text without control characters: char *. */
	SUT_MEMBER_NAME,    /**< A name that may be part of a file's name: char *. */
	SUT_MEMBER_RELEASE, /**< "2026.11", "2026.11.1" (fleet/version.h): char *. */
	SUT_MEMBER_HEX,     /**< Pairs of lower-case hex digits, at least one: char *. */
	SUT_MEMBER_DATE,    /**< "2026-11-10": int64_t, the time at which it begins. */
	SUT_MEMBER_TIME,    /**< "2026-11-10T12:00:00Z": int64_t. */
	SUT_MEMBER_COUNT,   /**< A whole number from 0 on: uint64_t. */
	SUT_MEMBER_SHARE,   /**< A number from 0 to 1: double. */
	SUT_MEMBER_PERCENT, /**< A number from 0 to 100: double. */
	SUT_MEMBER_BOOL,    /**< bool. */
	SUT_MEMBER_CHOICE,  /**< One of some words: int, the index of the word. */
	SUT_MEMBER_NAMES,   /**< Array of names: char **, and size_t for how many. */
	SUT_MEMBER_OBJECT,  /**< An object: the struct itself. */
	SUT_MEMBER_LIST,    /**< Array of objects: pointer to structs, and size_t. */
};

/** May a member be absent? */
enum sut_member_need {
	SUT_MEMBER_NEEDED,
	/** May be missing or null; then the place keeps its zeros, and of a member that is
	 *  no pointer the bool at @c has_at stays false. Written as null. */
	SUT_MEMBER_OPTIONAL,
};

struct sut_shape;

/** A member. Constant data. */
struct sut_member {
	const char *key; /**< NULL ends a table. */
	enum sut_member_kind kind;
	enum sut_member_need need;
	size_t at;                     /**< Offset of its place. */
	size_t n_at;                   /**< NAMES, LIST: offset of the count. */
	size_t has_at;                 /**< OPTIONAL ones that are no pointers: offset of a bool. */
	const struct sut_shape *shape; /**< OBJECT, LIST. */
	const char *const *words;      /**< CHOICE: ends with NULL. */
};

/** A shape. Constant data. */
struct sut_shape {
	const char *type; /**< The member "type" has this value; NULL: there is none. */
	size_t size;      /**< Of the struct. */
	const struct sut_member *members;
};

/** Read @p object into @p ret, a struct of @c shape->size zero bytes. On failure it is
 *  zero again. */
sut_check struct sut_err *sut_shape_read(const struct sut_shape *shape, const json_t *object,
					 void *ret);

/** Free what @p value owns, and zero it. */
void sut_shape_deinit(const struct sut_shape *shape, void *value);

/** The JSON of @p value, a new reference; NULL when out of memory. */
json_t *sut_shape_write(const struct sut_shape *shape, const void *value);

/** Is @p text a name that may be part of a file's name and of an address: 1 to 200
 *  visible ASCII characters, none of / \ % ? #, the first no dot? */
bool sut_name_check(const char *text);
