// SPDX-License-Identifier: Apache-2.0
/** What an administrator sets: enrolment tokens, the policy, who and which programs may sign in. */

import { html } from "../lib/html.js";
import { mayAdminister, mayOperate } from "../model/rollout.js";
import { ApiTokens, NewApiToken } from "./parts/api-tokens.js";
import { OwnPassword } from "./parts/password.js";
import { Policy } from "./parts/policy.js";
import { Part } from "./parts/states.js";
import { NewToken, Tokens } from "./parts/tokens.js";
import { NewUser, Users } from "./parts/users.js";

export function Settings({ parts, user, now, actions }) {
  const rings = parts.policy?.data?.rings ?? [];
  return html`
    <h1>Settings</h1>
    <${Section} id="policy" title="Policy" part=${parts.policy} what="the policy" actions=${actions}
      view=${(policy) => html`<${Policy} policy=${policy} mayChange=${mayAdminister(user)} actions=${actions} />`} />
    ${mayOperate(user) && html`
      <${Section} id="tokens" title="Enrolment tokens" part=${parts.tokens} what="the enrolment tokens" actions=${actions}
        button=${html`<${NewToken} rings=${rings} actions=${actions} />`}
        view=${(list) => html`<${Tokens} list=${list} now=${now} actions=${actions} />`} />`}
    ${mayAdminister(user) && html`
      <${Section} id="users" title="Users" part=${parts.users} what="the users" actions=${actions}
        button=${html`<${NewUser} actions=${actions} />`}
        view=${(list) => html`<${Users} list=${list} me=${user} now=${now} actions=${actions} />`} />
      <${Section} id="api-tokens" title="API tokens" part=${parts.apiTokens} what="the API tokens" actions=${actions}
        button=${html`<${NewApiToken} actions=${actions} />`}
        view=${(list) => html`<${ApiTokens} list=${list} now=${now} actions=${actions} />`} />`}
    <section class="card" aria-labelledby="h-account">
      <div class="head"><h2 id="h-account">Your account</h2><${OwnPassword} user=${user} actions=${actions} /></div>
      <p>Signed in as ${user.name}, ${user.role}.</p>
    </section>`;
}

function Section({ id, title, part, what, button, view, actions }) {
  return html`
    <section class="card" aria-labelledby=${`h-${id}`}>
      <div class="head"><h2 id=${`h-${id}`}>${title}</h2>${button}</div>
      <${Part} part=${part} what=${what} retry=${actions.reload} view=${view} />
    </section>`;
}
