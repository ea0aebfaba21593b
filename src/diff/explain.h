// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Explaining a change
 *
 * Looks at what differs between a changed unit and its new version, instruction
 * by instruction: line numbers and version texts, structure offsets, bit masks,
 * allocation sizes, other constants, or the code itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sut_pair;
struct sut_program;

/** One value that became another. */
struct sut_shift {
	int64_t from, to;
};

/** The most of each kind that an explanation keeps. */
#define SUT_MAX_SHIFTS 64

/** How a unit differs. Numbers count instructions. */
struct sut_explanation {
	bool is_same_skeleton; /**< The same instructions in the same order; only
				*  displacements, immediates and references differ. */
	size_t n_lines;        /**< Line numbers beside a source file's name. */
	size_t n_texts;        /**< Texts that differ in a version or line only. */
	size_t n_masks;        /**< Masks of one bit that became another bit. */
	size_t n_sizes;        /**< Sizes handed to an allocator. */
	size_t n_arguments;    /**< Other constants handed to calls. */
	size_t n_constants;    /**< Other immediates, but for the stack frame's size. */
	size_t n_references;   /**< References that mean something else. */
	size_t n_offsets;      /**< Displacements, other than in the stack frame. */
	size_t n_threads;      /**< Offsets in a thread's memory. */
	struct sut_shift threads[SUT_MAX_SHIFTS];   /**< The first n_threads. */
	struct sut_shift offsets[SUT_MAX_SHIFTS];   /**< The first n_offsets. */
	struct sut_shift arguments[SUT_MAX_SHIFTS]; /**< The first n_arguments. */
	struct sut_shift constants[SUT_MAX_SHIFTS]; /**< The first n_constants. */
	struct sut_shift sizes[SUT_MAX_SHIFTS];     /**< The first n_sizes. */
	struct sut_shift masks[SUT_MAX_SHIFTS];     /**< The first n_masks. */
};

/** Explain how old unit @p o became new unit @p n. */
void sut_explain(const struct sut_pair *pair, uint32_t o, uint32_t n, struct sut_explanation *ret);

/** Did nothing change but line numbers and version texts? */
bool sut_explanation_is_cosmetic(const struct sut_explanation *explanation);

/** Do two texts differ in nothing but a version, a build-id or a source line? */
bool sut_text_is_cosmetic(const char *old, const char *new);

/** Is @p vaddr the entry of something that hands out memory: malloc() and its
 *  like, or a small function of the program that calls it? */
bool sut_is_allocator(const struct sut_program *program, uint64_t vaddr);
