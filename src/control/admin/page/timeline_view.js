// The lanes of a refusal, drawn to scale.

import { el, svg, watchWidth } from "./dom.js";
import { closeup, extent, lanes, scale, ticks } from "./timeline.js";
import { clock, day, span } from "./words.js";

const HEAD = 24, FOOT = 24, BAR = 18, AIR = 14, GLYPH = 6.5;
// Names stand beside the lanes where there is room, above them where there is not.
const WIDE = { least: 760, gutter: 232, row: 48, bar: 8, name: 20, text: 36, marks: 13 };
const SLIM = { least: 0, gutter: 0, row: 62, bar: 20, name: 13, text: 13, marks: 13 };

/** The figure of a record, or `undefined` where there are no times. What ends it is given to `ending`. */
export function timeline(record, ending) {
  const all = lanes(record), now = record.at_ms, whole = extent(all, now);
  if (!whole) return undefined;
  const near = closeup(all, now), crossed = all.filter((lane) => lane.state === "fail").slice(0, 1);
  const panels = [panel({ all, now, range: whole, near, title: near ? `All limits, to scale: ${round(whole)} from end to end` : "To scale" }, ending)];
  if (near) panels.unshift(panel({ all: crossed, now, range: near, title: `Close up, to scale: ${round(near)} from end to end` }, ending));
  return el("figure", { class: "timeline" }, panels, legend(all), table(all, now));
}

const round = ([from, to]) => span(to - from > 1e4 ? Math.round((to - from) / 1000) * 1000 : to - from);

function panel(what, ending) {
  const place = el("div", { class: "panel" });
  ending(watchWidth(place, (width) => place.replaceChildren(draw({ ...what, width }))));
  return el("div", {}, el("h3", { class: "small" }, what.title), place);
}

function draw({ all, now, range, near, title, width }) {
  const form = width >= WIDE.least ? WIDE : SLIM, left = form.gutter + AIR, right = width - AIR;
  const height = HEAD + all.length * form.row + FOOT, base = height - FOOT, x = scale(range, [left, right]);
  const said = all.map((lane) => `${lane.name}: ${lane.text || lane.state}`).join("; ");
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}. ${said}` }, hatch());
  const world = { x, range, now, form, left, right, width };
  if (near) picture.append(svg("rect", { class: "near", x: x(near[0]) - 1, width: Math.max(3, x(near[1]) - x(near[0])), y: HEAD, height: base - HEAD }));
  const grid = ticks(range, Math.max(2, Math.floor((right - left) / 96)));
  for (const at of grid.at) {
    picture.append(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: HEAD, y2: base }));
    picture.append(label(x(at), base + 16, tick(at, grid.step), world, "tick"));
  }
  const here = x(now), behind = svg("line", { class: "now", "data-mark": "now", "data-at": now, x1: here, x2: here, y1: HEAD - 6, y2: base });
  picture.append(behind, label(here, HEAD - 11, `now ${clock(now, { millisecond: range[1] - range[0] < 6e5 })} UTC`, world, "nowname"));
  all.forEach((lane, row) => picture.append(rowOf(lane, HEAD + row * form.row, world)));
  return picture;
}

function rowOf(lane, top, world) {
  const { x, form, left, right, now, range } = world, { from, to, over, leeway, lead } = lane;
  const row = svg("g", { class: `lane ${lane.state}`, "data-lane": lane.id }), y = top + form.bar;
  const edge = (at) => Math.min(right, Math.max(left, x(at)));
  const bar = (name, begin, end, text) => {
    if (begin === undefined || end === undefined || Math.max(begin, end) < range[0] || Math.min(begin, end) > range[1]) return;
    const [one, two] = [edge(Math.min(begin, end)), edge(Math.max(begin, end))];
    const told = begin < range[0] ? `\u2039 ${text}` : text;
    row.append(svg("rect", { class: name, x: one, y, width: Math.max(1.5, two - one), height: BAR }));
    const half = (told.length * GLYPH) / 2 + 5, middle = (one + two) / 2, hidden = Math.abs(middle - x(now)) < half;
    if (two - one > 2 * half && !hidden) row.append(svg("text", { class: `in ${name}-text`, x: middle, y: y + 13 }, told));
  };
  row.append(svg("line", { class: "rail", x1: left, x2: right, y1: y + BAR / 2, y2: y + BAR / 2 }));
  bar("allowed", from, to, to - from > 0 ? span(to - from) : "");
  if (leeway && to !== undefined) bar("leeway", to, to + leeway, `leeway ${span(leeway)}`);
  if (lead && from !== undefined) bar("leeway", from - lead, from, `leeway ${span(lead)}`);
  if (over) bar("over", over.from, over.to, span(over.ms));
  row.append(svg("line", { class: "now thin", x1: x(now), x2: x(now), y1: y, y2: y + BAR }));
  row.append(svg("text", { class: "name", x: form.gutter ? 0 : AIR, y: top + form.name }, lane.name));
  if (lane.text) row.append(svg("text", { class: form.gutter ? "gap" : "gap end", x: form.gutter ? 0 : right, y: top + form.text }, lane.text));
  marks(lane, row, y, world);
  return row;
}

// The first name stands before its mark and the last behind it, so that they seldom meet; where two do, one gives way.
function marks(lane, row, y, { x, range, form, left, right }) {
  const places = [];
  for (const mark of lane.marks.filter(({ at }) => at >= range[0] && at <= range[1]).sort((one, two) => one.at - two.at)) {
    const at = x(mark.at), last = places.at(-1);
    row.append(svg("line", { class: "mark", "data-mark": mark.name, "data-at": mark.at, x1: at, x2: at, y1: y - 3, y2: y + BAR + 3 }));
    if (last && at - last.at < 3) last.name += `, ${mark.name}`; else places.push({ at, name: mark.name });
  }
  let free = -Infinity;
  places.forEach(({ at, name }, nth) => {
    const wide = name.length * 6, wished = places.length === 1 ? at - wide / 2 : nth === 0 ? at - wide + 2 : nth === places.length - 1 ? at - 2 : at - wide / 2;
    const begin = Math.min(right + AIR - wide, Math.max(left - (form.gutter ? 40 : AIR), wished));
    if (begin < free) return;
    free = begin + wide + 2;
    row.append(svg("text", { class: "markname", x: begin, y: y + BAR + form.marks }, name));
  });
}

function label(at, y, text, { left, width }, name) {
  const half = (text.length * (name === "nowname" ? 8 : GLYPH)) / 2;
  return svg("text", { class: name, x: Math.min(width - half, Math.max(Math.max(0, left - 2 * AIR) + half, at)), y }, text);
}

function tick(at, step) {
  if (step >= 864e5) return day(at);
  return clock(at, { second: step < 6e4, millisecond: step < 1e3 });
}

function hatch() {
  const line = svg("path", { class: "stripe", d: "M-1 5L5 -1M-1 9L9 -1M3 9L9 3" });
  return svg("defs", {}, svg("pattern", { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse" }, line));
}

function legend(all) {
  const key = (name, text) => el("li", {}, el("i", { class: `key ${name}` }), text);
  const has = (test) => all.some(test);
  return el("ul", { class: "keys" }, has((lane) => lane.state !== "claimed") && key("allowed", "allowed"), has((lane) => lane.state === "claimed") && key("claimed", "as the token says; its signature was not verified"),
    has((lane) => lane.leeway || lane.lead) && key("leeway", "leeway"), has((lane) => lane.over) && key("over", "beyond the edge"), key("now", "this instant"));
}

/** The same in numbers. */
function table(all, now) {
  const mark = (lane) => lane.marks.map(({ name, at }) => el("tr", {}, el("th", { scope: "row" }, lane.name), el("td", {}, name),
    el("td", { class: "mono" }, new Date(at).toISOString()), el("td", {}, apart(at - now))));
  const head = ["Limit", "Mark", "Instant", "From this instant"].map((name) => el("th", { scope: "col" }, name));
  return el("details", {}, el("summary", {}, "The time line as a table"),
    el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "The time line as a table" },
      el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, all.map(mark)))));
}

const apart = (ms) => (ms === 0 ? "just then" : `${span(ms)} ${ms < 0 ? "before" : "after"}`);
