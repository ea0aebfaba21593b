// SPDX-License-Identifier: Apache-2.0
#pragma once

/** The function that gets patched: answer(1) is 3, or 1003 in the new build. */
int answer(int x);
