// SPDX-License-Identifier: Apache-2.0
/** The policy: another one made of it and of what a form says. Pure. */

const units = [["days", 86400], ["hours", 3600], ["minutes", 60], ["seconds", 1]];

/** A span in the largest unit that tells it in a whole number. @param {number} s seconds */
export function spanOf(s) {
  const [unit, size] = units.find(([, size]) => s % size === 0);
  return s === 0 ? { n: 0, unit: "hours" } : { n: s / size, unit };
}

export const spanUnits = units.map(([unit]) => unit);

/** @returns {number} seconds */
export function spanSeconds(n, unit) {
  return Math.round(Number(n) * units.find(([name]) => name === unit)[1]);
}

/** What a new ring begins with. */
export const newRing = {
  name: "", label: "", percent: null, match: null, deferral_s: 0, soak_s: 86400,
  min_sample: 1, success_rate: 0.98, error_rate: 0.02, approval: false,
};

/** A share in percent, as a form shows it: 0.98 → "98". */
export const percentOf = (share) => String(+(share * 100).toFixed(4));

const shareOf = (text) => +(Number(text) / 100).toFixed(6);

/**
 * The ring that a form's texts mean.
 *
 * @param {Record<string, string | boolean>} texts of the fields, by name
 * @throws {Error} when a field contradicts another one
 */
export function ringOf(texts) {
  const attribute = texts.attribute.trim();
  const value = texts.value.trim();
  if (Boolean(attribute) !== Boolean(value)) throw new Error("An attribute needs its value, and a value its attribute.");
  return {
    name: texts.name.trim(),
    label: texts.label.trim() || texts.name.trim(),
    percent: texts.percent.trim() === "" ? null : Number(texts.percent),
    match: attribute ? { attribute, value } : null,
    deferral_s: spanSeconds(texts.deferral, texts.deferral_unit),
    soak_s: spanSeconds(texts.soak, texts.soak_unit),
    min_sample: Number(texts.min_sample),
    success_rate: shareOf(texts.success_rate),
    error_rate: shareOf(texts.error_rate),
    approval: texts.approval,
  };
}

/** The policy with @p ring at a place (from 0), instead of the one of its name. */
export function withRing(policy, ring, place) {
  const rings = policy.rings.filter((other) => other.name !== ring.name);
  rings.splice(place, 0, ring);
  return { ...policy, rings };
}

export function withoutRing(policy, name) {
  return { ...policy, rings: policy.rings.filter((ring) => ring.name !== name) };
}

/** Which devices come into a ring that nobody put there. */
export function whoText(ring) {
  const ways = [
    ring.match && `${ring.match.attribute}=${ring.match.value}`,
    ring.percent != null && ring.percent > 0 && `${ring.percent} %`,
  ].filter(Boolean);
  return ways.join(", or ");
}
