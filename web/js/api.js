// HTTP client of the API: JSON requests and responses, errors as exceptions, one token renewal on a 401.

import { ApiError, errorOf, networkError } from "./api-error.js";
import { Session } from "./session.js";

// The slowest route, POST /dreams/generate-video, takes up to 30 seconds.
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
   * Sends one request. Resolves to `{status, headers, data}` for 2xx and 304 (`data` is null without a body).
   * Throws ApiError, SessionEndedError, or an AbortError when `signal` is aborted.
   */
  async call(method, path, { body, headers = {}, signal, anonymous = false } = {}) {
    let token = anonymous ? null : await this.session.accessToken();
    let response = await this.#send(method, path, body, headers, signal, token).catch((error) => {
      // The gateway rejects a token without CORS headers, so the page cannot read that response and sees a network
      // error instead. Sending a GET again is harmless.
      if (anonymous || method !== "GET" || error.status !== 0 || !navigator.onLine) throw error;
      return { status: 401 };
    });
    if (response.status === 401 && !anonymous) {
      await this.session.renew(token);
      token = await this.session.accessToken();
      response = await this.#send(method, path, body, headers, signal, token);
      if (response.status === 401) this.session.close("expired");
    }
    if (!response.ok && response.status !== 304) throw await errorOf(response);
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
      throw timeout.aborted ? new ApiError({ status: 504 }) : networkError();
    }
  }
}

async function json(response) {
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}
