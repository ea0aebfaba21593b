// SPDX-License-Identifier: Apache-2.0
/**
 * The hub's API: JSON over fetch. A request that fails throws an ApiError, whatever the
 * cause, with a sentence that a person can act on.
 */

const base = "api/v1";

export class ApiError extends Error {
  /** @param {number} status HTTP status, 0 when no answer came. */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * @param {string} path below the API, e.g. "/devices?status=held"
 * @param {{method?: string, body?: unknown, csrf?: string, signal?: AbortSignal}} options
 * @returns {Promise<any>} null when the answer has no body
 */
export async function call(path, { method = "GET", body, csrf, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (csrf) headers["X-CSRF-Token"] = csrf;

  const { reply, text } = await send(base + path, {
    method, headers, signal, credentials: "same-origin", cache: "no-store",
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const value = parse(text);
  if (!reply.ok) throw problem(reply.status, value);
  return value;
}

/** An answer that breaks off is none. */
async function send(url, options) {
  try {
    const reply = await fetch(url, options);
    return { reply, text: await reply.text() };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The hub does not answer. Devices go on without it.");
  }
}

function parse(text) {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** An RFC 9457 problem, or what can be said without one. */
function problem(status, value) {
  const message = value?.detail || value?.title || `The hub answered ${status}.`;
  return new ApiError(status, value?.code ?? "unknown", message);
}
