// SPDX-License-Identifier: Apache-2.0
/** The strip of the year: each release day in its month, and where today is. Pure. */

/**
 * @param {{date: string, kind: string, name?: string, release?: string}[]} events
 * @param {number} now ms
 * @returns {{month: number, isNow: boolean, events: object[]}[]} twelve
 */
export function months(events, now) {
  const today = new Date(now);
  return Array.from({ length: 12 }, (_, month) => ({
    month,
    isNow: today.getUTCMonth() === month,
    events: (events ?? []).filter((event) => new Date(event.date).getUTCMonth() === month),
  }));
}

/** The next event that is still to come, or null. */
export function nextEvent(events, now) {
  const today = new Date(now).toISOString().slice(0, 10);
  const coming = (events ?? []).filter((event) => event.date.slice(0, 10) >= today);
  return coming.sort((a, b) => (a.date < b.date ? -1 : 1))[0] ?? null;
}

/** Whether the event's day has passed. */
export const isPast = (event, now) =>
  event.date.slice(0, 10) < new Date(now).toISOString().slice(0, 10);
