// SPDX-License-Identifier: Apache-2.0
/**
 * The hub's stream of events, kept open.
 *
 * The browser reconnects by itself and says which event it saw last. It gives up when the
 * hub answers with an error; then a new stream is opened after a while. A stream tells only
 * of what happens once it is open. So whenever it opens, the first time too, the caller is
 * told to fetch again: that is cheap, and then nothing is missed. It is also told when the
 * hub refuses the stream, for then the fetch says why: the session may have ended.
 */

const types = ["overview", "device", "rollout", "audit"];
const retryMs = 2000;

/** The hub ends each stream after some minutes, and the next one opens at once: a page is
 *  called disconnected only when it was without a stream for so long. */
const patienceMs = 5000;

/**
 * @param {{onEvent: (type: string, data: any) => void, onState: (live: boolean) => void,
 *          onMissed: () => void}} listener
 * @returns {() => void} ends it
 */
export function openEvents(listener, url = "api/v1/events") {
  let source = null;
  let timer = null;
  let lost = null; // the timer of the patience

  const open = () => {
    source = new EventSource(url);
    source.onopen = () => {
      clearTimeout(lost);
      lost = null;
      listener.onState(true);
      listener.onMissed();
    };
    source.onerror = () => {
      lost ??= setTimeout(() => listener.onState(false), patienceMs);
      if (source.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(open, retryMs);
      listener.onMissed();
    };
    // The hub no longer has what came behind the last event that this page saw.
    source.addEventListener("reset", () => listener.onMissed());
    for (const type of types)
      source.addEventListener(type, (event) => listener.onEvent(type, parse(event.data)));
  };
  open();

  return () => {
    clearTimeout(timer);
    clearTimeout(lost);
    source.close();
  };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
