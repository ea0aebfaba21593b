// SPDX-License-Identifier: Apache-2.0
#pragma once

/** The function that gets patched: 2x + 1, or 2x + 1001 in the new build. */
int answer(int x);
