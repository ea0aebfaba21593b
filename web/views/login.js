// SPDX-License-Identifier: Apache-2.0
import { html } from "../lib/html.js";
import { useState } from "../vendor/hooks.js";
import { Brand } from "./app.js";

/** Sign-in. The address stays, so one comes to the page that one wanted. */
export function Login({ actions }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    setBusy(true);
    setError(null);
    try {
      await actions.signIn(form.elements.name.value, form.elements.password.value);
    } catch (failure) {
      setError(failure);
      setBusy(false);
      form.elements.password.value = "";
      form.elements.password.focus();
    }
  };

  return html`
    <main class="alone">
      <form class="login card" onSubmit=${submit}>
        <h1><${Brand} />Suture</h1>
        ${error && html`<p class="problem" role="alert" id="why">${sentence(error)}</p>`}
        <label>Name
          <input name="name" autocomplete="username" required autofocus spellcheck="false"
            autocapitalize="none" aria-describedby=${error ? "why" : null} /></label>
        <label>Password
          <input name="password" type="password" autocomplete="current-password" required
            aria-describedby=${error ? "why" : null} /></label>
        <button type="submit" class="main" disabled=${busy}>${busy ? "Signing in…" : "Sign in"}</button>
      </form>
    </main>`;
}

function sentence(error) {
  return error.status === 401 ? "Name or password is wrong." : error.message;
}
