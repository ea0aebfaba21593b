// SPDX-License-Identifier: Apache-2.0
/**
 * What each page fetches, and which events make it fetch again. Pure: the store does it.
 *
 * A page is made of named parts, each with a path below the API. An event of a type in
 * `topics` makes the page fetch again; on the page of one thing, events about another thing
 * of that type do not.
 */

import { queryText } from "../lib/route.js";

/** Rows on a page of a list; fewer where the list is only a part of the page. */
export const pageSize = 50;
export const whyNotSize = 12;

/** The filters of the lists that are in the address, by page. */
export const filters = {
  devices: ["q", "status", "ring", "group", "sort"],
  audit: ["actor", "action"],
};

const list = (path, route, names) =>
  withQuery(path, {
    ...Object.fromEntries(names.map((name) => [name, route.query[name]])),
    limit: pageSize,
    cursor: route.query.cursor,
  });

function withQuery(path, query) {
  const text = queryText(query);
  return text ? `${path}?${text}` : path;
}

const one = (path, route) => `${path}/${encodeURIComponent(route.id)}`;

/** @type {Record<string, {title: string, topics: string[], parts: (route, user) => Record<string, string>}>} */
const pages = {
  overview: {
    title: "Overview",
    topics: ["overview", "device", "rollout"],
    parts: () => ({ overview: "/overview" }),
  },
  rollouts: {
    title: "Rollouts",
    topics: ["rollout"],
    parts: (route) => ({ list: list("/rollouts", route, []), releases: "/releases?limit=200" }),
  },
  rollout: {
    title: "Rollout",
    topics: ["rollout", "overview"],
    parts: (route) => ({
      rollout: one("/rollouts", route),
      whyNot: withQuery(`${one("/rollouts", route)}/why-not`, { limit: whyNotSize, cursor: route.query.cursor }),
    }),
  },
  devices: {
    title: "Devices",
    topics: ["device", "rollout"],
    parts: (route) => ({ list: list("/devices", route, filters.devices), policy: "/policy", groups: "/groups?limit=200" }),
  },
  device: {
    title: "Device",
    topics: ["device", "rollout"],
    parts: (route) => ({
      device: one("/devices", route),
      history: withQuery(`${one("/devices", route)}/history`, { limit: pageSize, cursor: route.query.cursor }),
      policy: "/policy",
    }),
  },
  releases: {
    title: "Releases",
    topics: ["rollout"],
    parts: (route) => ({ list: list("/releases", route, []) }),
  },
  release: {
    title: "Release",
    topics: ["rollout"],
    parts: (route) => ({ release: one("/releases", route) }),
  },
  audit: {
    title: "Audit",
    topics: ["audit"],
    parts: (route) => ({ list: list("/audit", route, filters.audit), check: "/audit/check" }),
  },
  settings: {
    title: "Settings",
    topics: ["audit"],
    parts: (route, user) => ({
      policy: "/policy",
      ...(user?.role === "viewer" ? {} : { tokens: "/enrolment-tokens?limit=200" }),
      ...(user?.role === "administrator" ? { users: "/users?limit=200", apiTokens: "/api-tokens?limit=200" } : {}),
    }),
  },
  unknown: { title: "No such page", topics: [], parts: () => ({}) },
};

const single = { rollouts: "rollout", devices: "device", releases: "release" };

/** The page that an address means: "devices" with an id is "device". */
export function pageOf(route) {
  const name = route.id ? single[route.page] ?? "unknown" : route.page;
  return { name, ...pages[name] };
}

/** The title of the browser's window. */
export function titleOf(route) {
  const { title } = pageOf(route);
  return route.id ? `${title} ${route.id} – Suture` : `${title} – Suture`;
}

/** Whether an event is about what the page shows. */
export function concerns(route, type, data) {
  const page = pageOf(route);
  if (!page.topics.includes(type)) return false;
  return !(route.id && page.name === type && data?.id && data.id !== route.id);
}
