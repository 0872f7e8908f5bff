// Nodes, made of names and values. A value becomes text or an attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";
const LOUD = /[\p{Cc}\u{ad}\u{61c}\u{180e}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{fe00}-\u{fe0f}\u{feff}\u{fff0}-\u{fffb}\u{e0000}-\u{e0fff}]/gu;

/** A text that does nothing but be seen, as `curfew trace` prints it: what moves, hides or turns around is spelled out. */
export function inert(text) {
  return String(text ?? "").replace(LOUD, (char) => {
    const code = char.codePointAt(0).toString(16);
    return code.length <= 2 && char.charCodeAt(0) < 0x80 ? `\\x${code.padStart(2, "0")}` : `\\u{${code}}`;
  });
}

/** The same, and not longer than this. */
export function brief(text, most = 160) {
  const chars = Array.from(inert(String(text ?? "").slice(0, most * 4)));
  return chars.length > most ? chars.slice(0, most).join("") + "…" : chars.join("");
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") Object.entries(value).forEach(([event, deed]) => node.addEventListener(event, deed));
    else if (name === "share") node.style.setProperty("--share", `${(Math.min(1, Math.max(0, value)) * 100).toFixed(2)}%`);
    else if (name === "tone") node.style.setProperty("--tone", `var(--c${value})`);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(9)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(inert(child)));
  }
  return node;
}

/** An element of HTML. */
export const el = (name, properties, ...children) => fill(document.createElement(name), properties, children);

/** An element of SVG. */
export const svg = (name, properties, ...children) => fill(document.createElementNS(SVG, name), properties, children);

/** Puts these in the place of what is there, unless it is just the same: then nobody's focus and selection are disturbed. */
export function put(node, ...children) {
  const next = fill(document.createElement("div"), {}, children);
  const same = node.childNodes.length === next.childNodes.length
    && [...next.childNodes].every((child, at) => child.isEqualNode(node.childNodes[at]));
  if (!same) {
    const kept = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
    node.replaceChildren(...next.childNodes);
    if (kept) [...node.querySelectorAll("[data-key]")].find((one) => one.dataset.key === kept)?.focus();
  }
}

/** Tells whoever listens instead of looking. */
export function say(text) {
  document.getElementById("said").textContent = inert(text);
}

/** Calls back with the width of a node, now and whenever it changes. Gives what ends that. */
export function watchWidth(node, deed) {
  let last = 0;
  const look = () => {
    const width = Math.floor(node.clientWidth);
    if (width > 0 && width !== last) deed((last = width));
  };
  const observer = new ResizeObserver(look);
  observer.observe(node);
  look();
  return () => observer.disconnect();
}
