// SPDX-License-Identifier: Apache-2.0
/** The frame around each page: navigation, who is signed in, whether the page is live. */

import { html } from "../lib/html.js";
import { link } from "../lib/route.js";
import { pageOf } from "../model/pages.js";
import { useLayoutEffect, useRef } from "../vendor/hooks.js";
import { Audit } from "./audit.js";
import { Device } from "./device.js";
import { Devices } from "./devices.js";
import { Login } from "./login.js";
import { Overview } from "./overview.js";
import { Release } from "./release.js";
import { Releases } from "./releases.js";
import { Rollout } from "./rollout.js";
import { Rollouts } from "./rollouts.js";
import { Settings } from "./settings.js";
import { Problem } from "./parts/states.js";

const views = {
  overview: Overview, rollouts: Rollouts, rollout: Rollout, devices: Devices,
  device: Device, releases: Releases, release: Release, audit: Audit, settings: Settings,
};

const navigation = [
  ["overview", "Overview"], ["rollouts", "Rollouts"], ["devices", "Devices"],
  ["releases", "Releases"], ["audit", "Audit"], ["settings", "Settings"],
];

const themeNames = { system: "as the system", light: "light", dark: "dark" };

export function App(props) {
  switch (props.session.state) {
    case "checking":
      return html`<main class="alone" aria-busy="true"><p class="loading">Loading…</p></main>`;
    case "broken":
      return html`<main class="alone"><${Problem} what="the hub" error=${props.session.error}
        retry=${props.actions.checkSession} /></main>`;
    case "out":
      return html`<${Login} actions=${props.actions} />`;
    default:
      return html`<${Frame} ...${props} />`;
  }
}

function Frame({ session, route, parts, live, now, notice, theme, actions }) {
  const page = pageOf(route);
  const View = views[page.name] ?? Unknown;
  const main = useRef(null);
  useFocusOnPage(main, `${page.name}/${route.id}`);

  return html`
    <a class="skip" href="#main" onClick=${(event) => focusMain(event, main.current)}>Skip to the content</a>
    <div class="frame">
      <header class="side">
        <a class="brand" href=${link("overview")}><${Brand} />Suture</a>
        <nav aria-label="Pages"><ul>
          ${navigation.map(([id, label]) => html`<li key=${id}>
            <a href=${link(id)} aria-current=${route.page === id ? "page" : null}>${label}</a></li>`)}
        </ul></nav>
        <${Foot} user=${session.user} live=${live} theme=${theme} actions=${actions} />
      </header>
      <main id="main" tabindex="-1" ref=${main} data-page=${`${page.name}/${route.id ?? ""}`}>
        <${View} key=${route.id} route=${route} parts=${parts} user=${session.user} now=${now} actions=${actions} />
      </main>
    </div>
    <p class="notice" role="status" data-shown=${notice ? "yes" : "no"}>${notice}</p>`;
}

/** A new page is read from its beginning; the first one, and new filters, move nothing. The
 *  focus moves in the moment the page is there, so that the next key begins at it. */
function useFocusOnPage(main, key) {
  const before = useRef(key);
  useLayoutEffect(() => {
    if (before.current !== key) {
      main.current.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    before.current = key;
  }, [key]);
}

function focusMain(event, main) {
  // The address belongs to the pages, so the link moves the focus by itself.
  event.preventDefault();
  main.focus();
}

function Foot({ user, live, theme, actions }) {
  return html`
    <div class="foot">
      <p class="live" data-live=${live ? "yes" : "no"} role="status">
        ${live ? "Live" : "Connecting to events…"}</p>
      <p class="who"><strong>${user.name}</strong><span>${user.role}</span></p>
      <button type="button" class="quiet" onClick=${actions.nextTheme}>Colours: ${themeNames[theme]}</button>
      <button type="button" class="quiet" onClick=${actions.signOut}>Sign out</button>
    </div>`;
}

export function Brand() {
  return html`<svg class="brand-mark" viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
    <rect width="32" height="32" rx="7" /><path d="M5 16h22M10 10l3 12M19 10l3 12" /></svg>`;
}

function Unknown() {
  return html`<h1>No such page</h1>
    <p class="empty">The address names no page. <a href=${link("overview")}>Go to the overview.</a></p>`;
}
