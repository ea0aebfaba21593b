// SPDX-License-Identifier: Apache-2.0
/** The year as a strip: baselines and hotpatch months, and where today is. */

import { day, monthName } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { isPast, months, nextEvent } from "../../model/calendar.js";

export function Calendar({ events, now }) {
  const next = nextEvent(events, now);
  return html`
    <ol class="year">
      ${months(events, now).map((month) => html`
        <li key=${month.month} data-now=${month.isNow ? "yes" : "no"} aria-current=${month.isNow ? "date" : null}>
          <span class="month">${monthName(month.month)}</span>
          ${month.events.map((event) => html`
            <${Event} key=${event.date + event.name} event=${event} past=${isPast(event, now)} next=${event === next} />`)}
        </li>`)}
    </ol>
    <p class="legend"><span class="event" data-kind="baseline"></span>Baseline, with a restart
      <span class="event" data-kind="hotpatch"></span>Hotpatch, without
      ${next && html`<span class="next">Next: <b>${next.name}</b>, ${kindWord(next)}, on ${day(next.date)}</span>`}</p>`;
}

function Event({ event, past, next }) {
  const [year, ...rest] = event.name.split(".");
  const text = `${event.name}, ${kindWord(event)}, ${day(event.date)}`;
  return html`
    <span class="event" data-kind=${event.kind} data-past=${past ? "yes" : "no"} data-next=${next ? "yes" : "no"} title=${text}>
      <b>${year}.<wbr />${rest.join(".")}</b><small>${new Date(event.date).getUTCDate()} ${monthName(new Date(event.date).getUTCMonth())}</small>
      <span class="hear">${kindWord(event)}</span></span>`;
}

function kindWord(event) {
  if (event.kind === "baseline") return event.planned === false ? "unplanned baseline" : "baseline";
  return event.out_of_band ? "out-of-band hotpatch" : event.kind;
}
