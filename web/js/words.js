// What people read: names of categories, times, lengths.

export const CATEGORIES = {
  gothic: "Gothic",
  chase: "Chase",
  flight: "Flight",
  transformation: "Transformation",
  physics: "Physics",
  liminal: "Liminal",
};

export const MIN_CHARACTERS = 10;
export const MAX_CHARACTERS = 2000;

/** Characters as the API counts them: Unicode code points, without the white space at both ends. */
export const characters = (text) => [...text.trim()].length;

const numbers = new Intl.NumberFormat("en");
export const number = (value) => numbers.format(value);

export const category = (name) => CATEGORIES[name] ?? name ?? "";

export const shortened = (text, length = 60) => {
  const points = [...text];
  return points.length <= length ? text : `${points.slice(0, length - 1).join("").trimEnd()}…`;
};

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "2 hours ago" for an RFC 3339 time. */
export function ago(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? [null, 1];
  return unit ? relative.format(Math.round(seconds / size), unit) : "just now";
}

export const exactTime = (time) =>
  new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
