// Errors of the API as messages for people. The API responds with problem+json (RFC 9457), the gateway in front of it
// with {"message"}.

const STATUS_MESSAGES = {
  400: "The request was not valid.",
  401: "Please sign in again.",
  403: "You do not have permission to do this.",
  404: "This no longer exists.",
  409: "This has changed in the meantime. Please check and try again.",
  413: "This is too large.",
  429: "Too many requests. Please wait a moment.",
  500: "Something went wrong on our side. Please try again later.",
  502: "A service we depend on is not working right now. Please try again.",
  503: "We are busy right now. Please try again in a moment.",
  504: "This took too long. Please try again.",
};

/** A failed request. `status` is 0 when there was no response; `retryAfter` is in seconds, or null. */
export class ApiError extends Error {
  constructor({ status, title = "", detail = "", type = "", errors = [], retryAfter = null }) {
    super([title, detail].filter(Boolean).join(". "));
    this.name = "ApiError";
    Object.assign(this, { status, title, detail, type, errors, retryAfter });
  }

  /** The title and the detail as one text for the user. */
  get userMessage() {
    const title = this.title && !/[.!?]$/.test(this.title) ? `${this.title}.` : this.title;
    return (
      [title, this.detail].filter(Boolean).join(" ") ||
      STATUS_MESSAGES[this.status] ||
      "Something went wrong. Please try again."
    );
  }

  /** Whether the problem type ends in this code, such as "username_taken". */
  is(code) {
    return this.type.endsWith(`:${code}`);
  }
}

export const networkError = () =>
  new ApiError({
    status: 0,
    title: "No connection",
    detail: "We could not reach the server. Please check your connection and try again.",
  });

/** Returns the seconds of a `Retry-After` header, which is a number or a date; null without one. */
export function retryAfterSeconds(headers) {
  const value = headers.get("retry-after");
  if (!value) return null;
  const seconds = /^\d+$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null;
}

/** Reads the ApiError from a response that is not ok. */
export async function errorOf(response) {
  const body = await response.json().catch(() => ({}));
  const isProblem = typeof body?.title === "string";
  return new ApiError({
    status: response.status,
    title: isProblem ? body.title : "",
    detail: isProblem ? (body.detail ?? "") : (STATUS_MESSAGES[response.status] ?? ""),
    type: typeof body?.type === "string" ? body.type : "",
    errors: Array.isArray(body?.errors) ? body.errors : [],
    retryAfter: retryAfterSeconds(response.headers),
  });
}

/** Returns the validation errors of a 422 by field name: `{email: "...", ...}`. */
export function fieldErrors(error) {
  const found = {};
  for (const { loc, msg } of error.errors) {
    const field = Array.isArray(loc) ? String(loc.at(-1)) : "";
    found[field] ??= String(msg ?? "");
  }
  return found;
}
