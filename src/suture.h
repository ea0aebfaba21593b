// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * libsuture: live patching of running programs
 *
 * The one header for programs that use the library (`pkg-config suture`). Each
 * header that it takes in explains its own part.
 *
 *     base/err.h        errors: what functions return
 *     base/buf.h        bytes that functions hand out
 *     base/file.h       whole files, read and replaced
 *     elf/image.h       a build: one ELF file as a checked model
 *     elf/deb.h         a Debian package and the ELF files in it
 *     engine/build.h    two builds → a verdict and a hotpatch
 *     engine/pairing.h  the pairs of ELF files in two packages
 *     patch/patch.h     a hotpatch: read, check, write
 *     patch/pack.h      a hotpatch packed for its way
 *     engine/apply.h    hotpatches → running processes
 *     engine/watch.h    the same, and processes that start later
 *     engine/revert.h   and out of them again
 *     engine/status.h   what processes carry
 *     engine/symbols.h  names of their code, for perf and gdb
 *     engine/verify.h   whether that is as it should be
 *     engine/doctor.h   whether this machine lets all that work
 *     engine/crew.h     one of these on many processes, and the rows that come back
 *
 * Nothing here prints or ends the program, and there is no global state.
 */

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "elf/deb.h"
#include "elf/image.h"
#include "engine/apply.h"
#include "engine/build.h"
#include "engine/crew.h"
#include "engine/doctor.h"
#include "engine/pairing.h"
#include "engine/revert.h"
#include "engine/status.h"
#include "engine/symbols.h"
#include "engine/verify.h"
#include "engine/watch.h"
#include "patch/pack.h"
#include "patch/patch.h"
