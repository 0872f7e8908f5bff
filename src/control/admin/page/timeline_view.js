// The lanes of a refusal, drawn to scale.

import { el, svg, watchWidth } from "./dom.js";
import { closeup, extent, lanes, scale, ticks } from "./timeline.js";
import { clock, day, span } from "./words.js";

const ROW = 58, HEAD = 30, FOOT = 30, SIDE = 14, BAR = 16, GLYPH = 6.6;

/** The figure of a record, or `undefined` where there are no times. What ends it is given to `ending`. */
export function timeline(record, ending) {
  const all = lanes(record), now = record.at_ms, whole = extent(all, now);
  if (!whole) return undefined;
  const near = closeup(all, now), crossed = all.filter((lane) => lane.state === "fail");
  const panels = [panel({ all, now, range: whole, near, title: near ? "All limits, to scale" : "" }, ending)];
  if (near) panels.push(panel({ all: crossed.slice(0, 1), now, range: near, title: `Close up, to scale: ${span(near[1] - near[0])} in all` }, ending));
  return el("figure", { class: "timeline" }, panels, legend(all), table(all, now));
}

function panel({ all, now, range, near, title }, ending) {
  const place = el("div", { class: "panel" });
  ending(watchWidth(place, (width) => place.replaceChildren(draw({ all, now, range, near, title, width }))));
  return el("div", {}, title && el("h3", { class: "small" }, title), place);
}

function draw({ all, now, range, near, title, width }) {
  const height = HEAD + all.length * ROW + FOOT, x = scale(range, [SIDE, width - SIDE]);
  const said = all.map((lane) => `${lane.name}: ${lane.text || lane.state}`).join("; ");
  const picture = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title || "Time line"}. ${said}` }, hatch());
  const base = height - FOOT, grid = ticks(range, Math.max(2, Math.floor(width / 110)));
  for (const at of grid.at) {
    picture.append(svg("line", { class: "grid", x1: x(at), x2: x(at), y1: HEAD, y2: base }));
    picture.append(label(x(at), base + 16, tick(at, grid.step), width, "tick"));
  }
  picture.append(label(width - SIDE, height - 1, "UTC", width, "tick end"));
  if (near) picture.append(svg("rect", { class: "near", x: x(near[0]), width: Math.max(2, x(near[1]) - x(near[0])), y: HEAD, height: base - HEAD }));
  all.forEach((lane, row) => picture.append(rowOf(lane, HEAD + row * ROW, x, width, range)));
  const here = x(now);
  picture.append(svg("line", { class: "now", "data-mark": "now", "data-at": now, x1: here, x2: here, y1: HEAD - 8, y2: base }));
  picture.append(label(here, HEAD - 14, `now ${clock(now, { millisecond: range[1] - range[0] < 6e5 })}`, width, "nowname"));
  return picture;
}

function rowOf(lane, top, x, width, range) {
  const row = svg("g", { class: `lane ${lane.state}`, "data-lane": lane.id }), y = top + 24;
  const edge = (at) => Math.min(width - SIDE, Math.max(SIDE, x(at)));
  const bar = (name, from, to) => {
    const [left, right] = [edge(Math.min(from, to)), edge(Math.max(from, to))];
    const shown = Math.max(right - left, Math.max(from, to) >= range[0] && Math.min(from, to) <= range[1] ? 1.5 : 0);
    row.append(svg("rect", { class: name, x: left, y, width: shown, height: BAR, rx: name === "allowed" ? 3 : 0 }));
  };
  const { from, to, over, leeway, lead } = lane;
  row.append(svg("line", { class: "rail", x1: SIDE, x2: width - SIDE, y1: y + BAR / 2, y2: y + BAR / 2 }));
  if (from !== undefined && to !== undefined) bar("allowed", from, to);
  if (leeway && to !== undefined) bar("leeway", to, to + leeway);
  if (lead && from !== undefined) bar("leeway", from - lead, from);
  if (over) bar("over", over.from, over.to);
  row.append(svg("text", { class: "name", x: SIDE, y: top + 15 }, lane.name));
  const room = width - 2 * SIDE - lane.name.length * 7.4 - 12;
  if (lane.text && lane.text.length * GLYPH < room) row.append(svg("text", { class: "gap end", x: width - SIDE, y: top + 15 }, lane.text));
  marks(lane, range, x).forEach(({ mark, at, shown }) => {
    row.append(svg("line", { class: "mark", "data-mark": mark.name, "data-at": mark.at, x1: at, x2: at, y1: y - 4, y2: y + BAR + 4 }));
    if (shown) row.append(label(at, y + BAR + 14, mark.name, width, "markname"));
  });
  return row;
}

// Names that would lie on one another are left out, never those of the edges last.
function marks(lane, range, x) {
  let free = -Infinity;
  const inside = lane.marks.filter(({ at }) => at >= range[0] && at <= range[1]).sort((one, two) => one.at - two.at);
  const merged = inside.map((mark) => ({ mark, at: x(mark.at), shown: true }));
  for (const one of merged) {
    const half = (one.mark.name.length * GLYPH) / 2;
    one.shown = one.at - half > free;
    if (one.shown) free = one.at + half + 4;
  }
  return merged;
}

function label(at, y, text, width, name) {
  const half = (text.length * GLYPH) / 2;
  const place = name.includes("end") ? at : Math.min(width - half - 2, Math.max(half + 2, at));
  return svg("text", { class: name, x: place, y }, text);
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
  return el("ul", { class: "keys" }, key("allowed", "allowed"), has((lane) => lane.leeway || lane.lead) && key("leeway", "leeway"),
    has((lane) => lane.over) && key("over", "crossed by"), key("now", "this instant"));
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
