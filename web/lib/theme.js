// SPDX-License-Identifier: Apache-2.0
/** Light or dark: what the system says, until a person chooses otherwise. */

import { signal } from "../vendor/signals.js";

/** @type {{value: "system" | "light" | "dark"}} */
export const theme = signal("system");

const order = ["system", "light", "dark"];

/** Take over what an earlier visit chose. */
export function initTheme() {
  theme.value = document.documentElement.dataset.theme ?? "system";
}

/** System → light → dark → system. */
export function nextTheme() {
  theme.value = order[(order.indexOf(theme.value) + 1) % order.length];
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
  try {
    if (theme.value === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme.value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
