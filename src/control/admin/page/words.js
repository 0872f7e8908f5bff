// Times in words, the same as everywhere else in Curfew.

/** A span in words: `350 ms`, `14.2 s`, `12 min 5 s`, `3 h 20 min`, `2 d 3 h`. The sign is left to the sentence. */
export function span(milliseconds) {
  const ms = Math.abs(Math.trunc(milliseconds));
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${ms / 1000} s`;
  if (ms < 7_200_000) return parts(Math.trunc(ms / 1000), 60, "min", "s");
  if (ms < 172_800_000) return parts(Math.trunc(ms / 60_000), 60, "h", "min");
  return parts(Math.trunc(ms / 3_600_000), 24, "d", "h");
}

function parts(small, ratio, large, unit) {
  const rest = small % ratio;
  return `${Math.trunc(small / ratio)} ${large}${rest ? ` ${rest} ${unit}` : ""}`;
}

/** The same of seconds, to the second where there are any. */
export const seconds = (count) => span(count >= 10 ? Math.round(count) * 1000 : Math.round(count * 10) * 100);

/** How long before now, to the second. */
export function ago(at, now = Date.now()) {
  const past = now - at;
  if (past < -999) return `in ${span(past)}: the clocks differ`;
  return past < 1000 ? "just now" : `${span(Math.trunc(past / 1000) * 1000)} ago`;
}

const pad = (number, places = 2) => String(number).padStart(places, "0");

/** `14:03:12` of an instant, in UTC as all that Curfew tells; with milliseconds if asked. */
export function clock(at, { second = true, millisecond = false } = {}) {
  const date = new Date(at);
  const time = `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
  return time + (second || millisecond ? `:${pad(date.getUTCSeconds())}` : "") + (millisecond ? `.${pad(date.getUTCMilliseconds(), 3)}` : "");
}

/** `21 Nov` */
export const day = (at) => new Date(at).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** `1 refusal`, `12 refusals`. */
export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
