// SPDX-License-Identifier: Apache-2.0
/** html`` makes Preact elements. Text in it is escaped; there is no way to raw HTML. */

import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
