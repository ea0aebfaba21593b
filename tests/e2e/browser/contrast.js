// SPDX-License-Identifier: Apache-2.0
/** How well the text of a page can be read: WCAG 2.2, 1.4.3, wants a contrast of 4.5. */

/** The text with the least contrast. @returns {Promise<{ratio: number, text: string, colours: string}>} */
export function worstContrast(page) {
  return page.evaluate(measure);
}

// Runs in the page.
function measure() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((n, i) => (i === 3 ? n / 255 : n));
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3]));
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.unshift(rgba(getComputedStyle(at).backgroundColor));
    return layers.reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((n) => (n / 255 <= 0.04045 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const opacity = (element) => {
    let product = 1;
    for (let at = element; at; at = at.parentElement) product *= Number(getComputedStyle(at).opacity);
    return product;
  };

  let worst = { ratio: Infinity, text: "", colours: "" };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || element.closest("option, :disabled")) continue;
    const under = ground(element);
    const colour = rgba(getComputedStyle(element).color);
    colour[3] *= opacity(element);
    const [high, low] = [light(over(colour, under)), light(under)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text, colours: `${over(colour, under).map(Math.round)} on ${under.map(Math.round)}` };
  }
  return worst;
}
