// Formats values for display: categories, numbers, times, shortened texts.

export const CATEGORIES = {
  gothic: "Gothic",
  chase: "Chase",
  flight: "Flight",
  transformation: "Transformation",
  physics: "Physics",
  liminal: "Liminal",
};

export const categoryName = (category) => CATEGORIES[category] ?? category ?? "";

const numberFormat = new Intl.NumberFormat("en");
export const formatNumber = (value) => numberFormat.format(value);

/** Truncates to `length` Unicode code points, the ellipsis included. */
export const truncate = (text, length = 60) => {
  const points = [...text];
  return points.length <= length ? text : `${points.slice(0, length - 1).join("").trimEnd()}…`;
};

/** Returns the aspect ratio that fills this device's screen: portrait on a phone that is held upright. */
export const deviceRatio = () => (matchMedia("(max-width: 34rem) and (orientation: portrait)").matches ? "9:16" : "16:9");

const relativeFormat = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Formats an RFC 3339 time relative to now: "2 hours ago". */
export function timeAgo(time, now = Date.now()) {
  const seconds = (Date.parse(time) - now) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? [null, 1];
  return unit ? relativeFormat.format(Math.round(seconds / size), unit) : "just now";
}

export const timeOfDay = (time) => new Date(time).toLocaleTimeString("en", { timeStyle: "short" });

export const dateAndTime = (time) =>
  new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
