// Errors in words. The API answers with problem+json (RFC 9457), the gateway in front of it with {"message"}.

const BY_STATUS = {
  400: "The request was not understood.",
  401: "Please sign in again.",
  403: "This is not allowed.",
  404: "This is not there any more.",
  409: "This does not fit any more. Please look again.",
  413: "This is too large.",
  429: "Too many requests. Please wait a moment.",
  500: "Something went wrong on our side. Please try again later.",
  502: "A service that we depend on does not work right now. Please try again.",
  503: "We are busy right now. Please try again in a moment.",
  504: "This took too long. Please try again.",
};

/** Why a request failed. `status` is 0 when there was no answer at all. */
export class Problem extends Error {
  constructor({ status, title = "", detail = "", type = "", errors = [], retryAfter = null }) {
    super([title, detail].filter(Boolean).join(". "));
    this.name = "Problem";
    Object.assign(this, { status, title, detail, type, errors, retryAfter });
  }

  /** Title and detail as one text for a person. */
  get words() {
    const sentence = this.title && !/[.!?]$/.test(this.title) ? `${this.title}.` : this.title;
    return [sentence, this.detail].filter(Boolean).join(" ") || BY_STATUS[this.status] || "Something went wrong.";
  }

  is(code) {
    return this.type.endsWith(`:${code}`);
  }
}

export const noAnswer = () =>
  new Problem({
    status: 0,
    title: "No connection",
    detail: "We could not be reached. Please check your connection and try again.",
  });

/** Seconds of a `Retry-After` header, which is a number or a date; `null` without one. */
export function retryAfterSeconds(headers) {
  const value = headers.get("retry-after");
  if (!value) return null;
  const seconds = /^\d+$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null;
}

/** The problem that a response which is not ok tells of. */
export async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const known = typeof body?.title === "string";
  return new Problem({
    status: response.status,
    title: known ? body.title : "",
    detail: known ? (body.detail ?? "") : (BY_STATUS[response.status] ?? ""),
    type: typeof body?.type === "string" ? body.type : "",
    errors: Array.isArray(body?.errors) ? body.errors : [],
    retryAfter: retryAfterSeconds(response.headers),
  });
}

/** The errors of a 422 by field name: `{email: "...", ...}`. */
export function fieldErrors(problem) {
  const found = {};
  for (const { loc, msg } of problem.errors) {
    const field = Array.isArray(loc) ? String(loc.at(-1)) : "";
    found[field] ??= sentence(String(msg ?? ""));
  }
  return found;
}

function sentence(text) {
  const plain = text.replace(/^Value error, /, "");
  return plain && plain[0].toUpperCase() + plain.slice(1) + (/[.!?]$/.test(plain) ? "" : ".");
}
