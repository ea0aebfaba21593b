// SPDX-License-Identifier: Apache-2.0
// The renderer of the tests must work on the very Preact that the views use.
export * from "../../../web/vendor/preact.js";
