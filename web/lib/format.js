// SPDX-License-Identifier: Apache-2.0
/** Times, counts and sizes as people read them. All times are UTC, as everywhere in Suture. */

const months = [
  "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/** "10 Nov 2026, 12:00:05 UTC"; "–" for no time. */
export function time(text) {
  const date = new Date(text ?? NaN);
  if (isNaN(date)) return "–";
  return `${day(text)}, ${date.toISOString().slice(11, 19)} UTC`;
}

/** "10 Nov 2026" */
export function day(text) {
  const date = new Date(text ?? NaN);
  if (isNaN(date)) return "–";
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

export const monthName = (index) => months[index];

/** "just now", "5 min ago", "in 3 h", "12 days ago". @param {number} now ms */
export function relative(text, now) {
  const at = Date.parse(text ?? "");
  if (isNaN(at)) return "never";
  const s = Math.abs(now - at) / 1000;
  if (s < 10) return "just now";
  // Nobody needs the seconds of what is minutes away.
  const away = duration(s < 60 ? s : Math.round(s / 60) * 60);
  return at > now ? `in ${away}` : `${away} ago`;
}

// Spans below `below` are told in large units, and in small ones if there are any left.
const scales = [
  { below: 60, large: 1, small: 1, one: "s" },
  { below: 600, large: 60, small: 1, one: "min", rest: "s" },
  { below: 3570, large: 60, small: 60, one: "min" },
  { below: 86370, large: 3600, small: 60, one: "h", rest: "min" },
  { below: 862200, large: 86400, small: 3600, one: "day", many: "days", rest: "h" },
  { below: Infinity, large: 86400, small: 86400, one: "day", many: "days" },
];

/** "45 s", "3 min 20 s", "20 min", "3 h 20 min", "2 days 5 h", "12 days": as the hub and the
 *  commands write them (src/base/time.h). @param {number} s seconds */
export function duration(s) {
  const whole = Math.floor(s);
  const { large, small, one, many = one, rest } = scales.find(({ below }) => whole < below);
  const rounded = Math.floor((whole + Math.floor(small / 2)) / small) * small;
  const n = Math.floor(rounded / large);
  const left = (rounded % large) / small;
  return `${n} ${n === 1 ? one : many}${left ? ` ${left} ${rest}` : ""}`;
}

/** 12345 → "12,345" */
export function count(n) {
  return n == null ? "–" : String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "1 device", "12 devices" */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** 0.9734 → "97.3 %". Never rounds up to a full hundred, which would be a lie. */
export function percent(share) {
  if (share == null || isNaN(share)) return "–";
  const tenths = share >= 1 ? 1000 : Math.floor(share * 1000 + 1e-9);
  return tenths % 10 === 0 ? `${tenths / 10} %` : `${(tenths / 10).toFixed(1)} %`;
}

/** 12345 → "12.1 KiB" */
export function bytes(n) {
  if (n == null) return "–";
  const units = ["B", "KiB", "MiB", "GiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) {
    n /= 1024;
    i++;
  }
  return i === 0 || n >= 100 ? `${Math.round(n)} ${units[i]}` : `${n.toFixed(1)} ${units[i]}`;
}

/** A text in which each long id is cut to its first and last digits, which differ. */
export function shortIds(text) {
  return String(text ?? "").replace(/([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{6}([0-9a-f]{6})/g, "$1…$2");
}

/** The first 12 digits of a build-id or digest, enough to tell two apart. */
export function short(hex) {
  return hex ? hex.slice(0, 12) : "–";
}
