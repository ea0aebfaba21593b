// SPDX-License-Identifier: Apache-2.0
// Runs before the first paint, so that a page in the dark never flashes white.
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's choice holds.
}
