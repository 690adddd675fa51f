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

const uprightPhone = matchMedia("(max-width: 34rem) and (orientation: portrait)");

/** Returns the aspect ratio that fills this device's screen: portrait on a phone that is held upright. */
export const deviceRatio = () => (uprightPhone.matches ? "9:16" : "16:9");
export const onDeviceRatioChange = (listener) => uprightPhone.addEventListener("change", listener);

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

export const dateAndTime = (time) =>
  new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });

export const timeOfDay = (time) => new Date(time).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });

/** Says when a wait ends. Quotas are counted by the UTC day. */
export function resetText(time) {
  const end = new Date(time);
  // Retry-After has whole seconds: the end of the day is a little before or after midnight.
  const toMidnight = Math.abs(end.getTime() - Math.round(end.getTime() / 86_400_000) * 86_400_000);
  return toMidnight < 5_000 ? "tomorrow at 00:00 UTC" : `at ${timeOfDay(end)}`;
}
