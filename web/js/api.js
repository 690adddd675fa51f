// The HTTP API: JSON in and out, problems as exceptions, one renewal of the session on a 401.

import { noAnswer, Problem, problemOf } from "./problems.js";
import { Session } from "./session.js";

// The longest answer, that of POST /dreams/generate-video, takes up to 30 seconds.
const TIMEOUT_MS = 40_000;

export class Api {
  #base;

  constructor(apiUrl) {
    this.#base = `${apiUrl.replace(/\/$/, "")}/api/v1`;
    this.session = new Session((refreshToken) =>
      this.call("POST", "/auth/refresh", { body: { refresh_token: refreshToken }, anonymous: true }).then(({ data }) => data),
    );
  }

  /**
   * One request. Resolves to `{status, headers, data}` for 2xx and 304 (`data` is null where there is no body).
   * Throws Problem, SessionOverError, or an AbortError when `signal` is aborted.
   */
  async call(method, path, { body, headers = {}, signal, anonymous = false } = {}) {
    let token = anonymous ? null : await this.session.accessToken();
    let response = await this.#send(method, path, body, headers, signal, token).catch((problem) => {
      // The gateway refuses a token without the headers that would let this page read its answer: to the page that is
      // no answer at all. Asking again is harmless for a GET.
      if (anonymous || method !== "GET" || problem.status !== 0 || !navigator.onLine) throw problem;
      return { status: 401 };
    });
    if (response.status === 401 && !anonymous) {
      await this.session.renew(token);
      token = await this.session.accessToken();
      response = await this.#send(method, path, body, headers, signal, token);
      if (response.status === 401) this.session.close("expired");
    }
    if (!response.ok && response.status !== 304) throw await problemOf(response);
    return { status: response.status, headers: response.headers, data: await json(response) };
  }

  async get(path, options) {
    return (await this.call("GET", path, options)).data;
  }

  async #send(method, path, body, headers, signal, token) {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    try {
      return await fetch(this.#base + path, {
        method,
        headers: {
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...(token ? { Authorization: `Bearer ${token}` } : {}),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        credentials: "omit",
        cache: "no-store",
        referrerPolicy: "no-referrer",
      });
    } catch {
      signal?.throwIfAborted();
      throw timeout.aborted ? new Problem({ status: 504 }) : noAnswer();
    }
  }
}

async function json(response) {
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}
