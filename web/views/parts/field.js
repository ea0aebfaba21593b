// SPDX-License-Identifier: Apache-2.0
import { html } from "../../lib/html.js";
import { useLayoutEffect, useRef } from "../../vendor/hooks.js";

/**
 * A field of a form that begins with @p value, and takes it again when that changes. What a
 * person types stays when the page around it is drawn anew; `value` of a plain input would
 * put back what was there before.
 */
export function Field({ value = "", ...rest }) {
  const input = useRef(null);
  useLayoutEffect(() => {
    input.current.value = value;
  }, [value]);
  return html`<input ...${rest} ref=${input} defaultValue=${value} />`;
}
