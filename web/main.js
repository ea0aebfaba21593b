// SPDX-License-Identifier: Apache-2.0
/** Start: the session, the events, and the page that the address names. */

import { html } from "./lib/html.js";
import { initTheme, nextTheme, theme } from "./lib/theme.js";
import { titleOf } from "./model/pages.js";
import * as store from "./store.js";
import { render } from "./vendor/preact.js";
import { effect } from "./vendor/signals.js";
import { App } from "./views/app.js";

const actions = {
  signIn: store.signIn,
  signOut: store.signOut,
  checkSession: store.checkSession,
  reload: store.load,
  change: store.change,
  nextTheme,
};

function Root() {
  return html`<${App} session=${store.session.value} route=${store.route.value}
    parts=${store.parts.value} live=${store.live.value} now=${store.now.value}
    notice=${store.notice.value} theme=${theme.value} actions=${actions} />`;
}

initTheme();
effect(() => {
  document.title = store.session.value.state === "in" ? titleOf(store.route.value) : "Sign in – Suture";
});
render(html`<${Root} />`, document.getElementById("app"));
store.start();
