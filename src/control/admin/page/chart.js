// Refusals over time, by reason: bars that are stacked, with a cursor for pointers and keys.

import { el, svg, watchWidth } from "./dom.js";
import { clock, count } from "./words.js";

const HEIGHT = 226, LEFT = 34, RIGHT = 6, TOP = 10, BOTTOM = 24;

const tones = new Map();

/** Each reason keeps its colour as long as the page is open. */
export function tone(reason) {
  if (reason === "other") return 9;
  if (!tones.has(reason)) tones.set(reason, tones.size % 9);
  return tones.get(reason);
}

/** A chart that is given data again and again. */
export function chart(ending) {
  const picture = svg("svg", { height: HEIGHT, role: "img", tabindex: 0 }), place = el("div", { class: "plot" }, picture);
  const read = el("p", { class: "readout", "aria-live": "polite" });
  const state = { width: 0, told: undefined, cursor: undefined };
  const redraw = () => state.told && state.width > 0 && draw(picture, read, state);
  cursor(picture, state, redraw);
  ending(watchWidth(place, (width) => { state.width = width; redraw(); }));
  const show = (told) => { state.told = told; redraw(); };
  return { node: el("div", { class: "chart" }, place, read), show };
}

/** The largest value of the axis: a round number. */
export function ceiling(most) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return Math.max(4, [1, 2, 4, 5, 8, 10].map((factor) => factor * unit).find((one) => one >= most));
}

/** How many there are in each step. */
export const totals = (told) => Array.from({ length: told.steps }, (_, at) => told.reasons.reduce((sum, one) => sum + one.counts[at], 0));

function draw(picture, read, { width, told, cursor: at }) {
  const sums = totals(told), top = ceiling(Math.max(0, ...sums)), step = stepOf(width, told);
  const y = (value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  picture.setAttribute("width", width);
  picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  picture.setAttribute("aria-label", spoken(told, sums));
  picture.replaceChildren();
  for (const value of [0, top / 2, top]) {
    picture.append(svg("line", { class: value ? "grid" : "axis", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
    picture.append(svg("text", { class: "tick end", x: LEFT - 6, y: y(value) + 4 }, value));
  }
  times(picture, told, step, width);
  told.reasons.forEach((one, row) => one.counts.forEach((number, at) => {
    if (number === 0) return;
    const below = told.reasons.slice(0, row).reduce((sum, other) => sum + other.counts[at], 0);
    const high = y(below) - y(below + number);
    picture.append(svg("rect", { class: "bar", tone: tone(one.name), "data-reason": one.name, x: LEFT + at * step + 0.5, width: Math.max(1, step - 1.5), y: y(below + number), height: Math.max(1, high - (below ? 0.5 : 0)) }));
  }));
  if (at !== undefined && at < told.steps) picture.append(svg("rect", { class: "cursor", x: LEFT + at * step, width: step, y: TOP, height: HEIGHT - TOP - BOTTOM }));
  const text = readout(told, sums, at);
  if (read.textContent !== text) read.textContent = text;
}

const stepOf = (width, told) => (width - LEFT - RIGHT) / Math.max(1, told.steps);

function times(picture, told, step, width) {
  const wanted = Math.max(2, Math.floor(width / 90)), each = [1, 2, 4, 5, 8, 10, 12, 15, 20, 24, 30, 40, 60].find((one) => told.steps / one <= wanted) ?? 100;
  for (let at = 0; at < told.steps; at += 1) {
    const when = told.from_ms + at * told.step_ms;
    if (Math.round(when / told.step_ms) % each !== 0) continue;
    const x = LEFT + at * step;
    picture.append(svg("line", { class: "axis", x1: x, x2: x, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4 }));
    if (x < width - 24) picture.append(svg("text", { class: "tick", x: Math.max(x, LEFT + 8), y: HEIGHT - 6 }, clock(when, { second: told.step_ms * each < 6e4 })));
  }
}

// Pointers and arrow keys choose the bar that is read.
function cursor(picture, state, redraw) {
  const move = (to) => {
    const next = to === undefined || !state.told ? undefined : Math.min(state.told.steps - 1, Math.max(0, to));
    if (next === state.cursor) return;
    state.cursor = next;
    redraw();
  };
  picture.addEventListener("pointermove", (event) => {
    const at = state.told ? Math.floor((event.offsetX - LEFT) / stepOf(state.width, state.told)) : -1;
    if (at >= 0 && at < state.told.steps) move(at);
  });
  picture.addEventListener("pointerleave", () => move(undefined));
  picture.addEventListener("blur", () => move(undefined));
  picture.addEventListener("keydown", (event) => {
    if (!state.told) return;
    const from = state.cursor ?? state.told.steps;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: state.told.steps - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });
}

function readout(told, sums, at) {
  if (at === undefined || at >= told.steps) return "Each bar is " + length(told.step_ms) + ". Times are UTC. Point at a bar, or use the arrow keys, to read it.";
  const from = told.from_ms + at * told.step_ms;
  const each = told.reasons.filter((one) => one.counts[at] > 0).map((one) => `${one.name} ${one.counts[at]}`);
  return `${clock(from)} to ${clock(from + told.step_ms)}: ${count(sums[at], "refusal")}${each.length ? ` (${each.join(", ")})` : ""}`;
}

const length = (ms) => (ms < 6e4 ? `${ms / 1000} s` : ms < 36e5 ? `${ms / 6e4} min` : `${ms / 36e5} h`);

function spoken(told, sums) {
  const most = Math.max(0, ...sums), each = told.reasons.slice(0, 5).map((one) => `${one.name} ${one.total}`).join(", ");
  return `${count(told.total, "refusal")} in ${told.steps} bars of ${length(told.step_ms)}, ${most} at most in one${each ? `: ${each}` : ""}. Arrow keys read each bar.`;
}

/** The same as a table, for whoever does not look. Only bars with something in them. */
export function table(told) {
  const sums = totals(told), rows = sums.map((sum, at) => ({ sum, at })).filter(({ sum }) => sum > 0).reverse();
  const head = ["From (UTC)", "All", ...told.reasons.map((one) => one.name)].map((name) => el("th", { scope: "col" }, name));
  const row = ({ sum, at }) => el("tr", {}, el("th", { scope: "row" }, clock(told.from_ms + at * told.step_ms)), el("td", {}, sum), told.reasons.map((one) => el("td", {}, one.counts[at] || "–")));
  return el("table", { class: "numbers" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows.map(row)));
}
