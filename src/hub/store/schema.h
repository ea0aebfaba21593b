// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The tables, as the steps that made them
 *
 * A database remembers how many steps it has seen. A step that was ever
 * delivered is never changed: what is new comes behind it.
 */

#include <stddef.h>

/** The steps, each some statements that end in semicolons. */
extern const char *const sut_schema_steps[];
extern const size_t sut_schema_n_steps;
