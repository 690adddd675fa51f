// Live updates over a WebSocket: one connection, reopened with exponential backoff; "sync" fetches what was missed.

// API Gateway closes a connection after ten idle minutes.
const PING_MS = 5 * 60_000;
const PONG_MS = 15_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
// Until the server has sent its time, only this device's clock is known, and it may be wrong: sync from two minutes ago,
// or from a day ago if the server reports that this lies in the future. Duplicate messages are harmless.
const SYNC_FROM_MS = 2 * 60_000;
const SYNC_FROM_FAR_MS = 24 * 60 * 60_000;

/** Fires "message" (`detail`: the parsed message) and "state" (`detail`: true while updates arrive). */
export class LiveUpdates extends EventTarget {
  #url;
  #getToken;
  #socket = null;
  #started = false;
  #failures = 0;
  // The server time up to which this page is synced, moved on by the newest `updated_at`.
  #since = null;
  #timers = new Map();

  /** Without a `url` (null) there are no live updates. `getToken()` resolves to an access token. */
  constructor(url, getToken) {
    super();
    this.#url = url;
    this.#getToken = getToken;
    addEventListener("online", () => this.#reconnectNow());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#reconnectNow());
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  start() {
    if (!this.#url || this.#started) return;
    this.#started = true;
    this.#failures = 0;
    this.#since = null;
    this.#connect();
  }

  stop() {
    this.#started = false;
    for (const name of [...this.#timers.keys()]) this.#clearTimer(name);
    this.#socket?.close(1000);
  }

  async #connect() {
    this.#clearTimer("retry");
    if (!this.#started || this.#socket) return;
    let token;
    try {
      token = await this.#getToken();
    } catch {
      // No network or no session: try again, unless the sign-out stops this connection.
      return this.#scheduleRetry();
    }
    if (!this.#started || this.#socket) return;
    const socket = new WebSocket(this.#url, ["dreamvision", `bearer.${token}`]);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#onOpen(socket));
    socket.addEventListener("message", ({ data }) => this.#onMessage(data));
    socket.addEventListener("close", () => this.#onClose(socket));
  }

  #onOpen(socket) {
    this.#failures = 0;
    this.#sync(this.#since ?? timeBefore(SYNC_FROM_MS));
    this.#startTimer("ping", PING_MS, () => this.#ping(socket));
    this.dispatchEvent(new CustomEvent("state", { detail: true }));
  }

  #ping(socket) {
    this.#send({ action: "ping" });
    this.#startTimer("pong", PONG_MS, () => socket.close());
    this.#startTimer("ping", PING_MS, () => this.#ping(socket));
  }

  #onMessage(text) {
    this.#clearTimer("pong");
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message?.type === "synced") this.#onSynced(message);
    // The token has expired: the next connection gets a new one.
    else if (message?.type === "reconnect") this.#socket?.close(message.code);
    else if (message?.type === "error" && message.code === "invalid_since") this.#sync(timeBefore(SYNC_FROM_FAR_MS));
    else if (message?.updated_at) {
      if (this.#since && message.updated_at > this.#since) this.#since = message.updated_at;
      this.dispatchEvent(new CustomEvent("message", { detail: message }));
    }
  }

  #sync(since) {
    this.#send({ action: "sync", since });
  }

  #onSynced({ truncated, next_since: next }) {
    if (truncated) this.#sync(next);
    else if (!this.#since || next > this.#since) this.#since = next;
  }

  #onClose(socket) {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#clearTimer("ping");
    this.#clearTimer("pong");
    this.dispatchEvent(new CustomEvent("state", { detail: false }));
    this.#scheduleRetry();
  }

  #scheduleRetry() {
    if (!this.#started) return;
    const backoff = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Full jitter, so that clients that lost their connection together do not all reconnect at once.
    this.#startTimer("retry", 250 + Math.random() * backoff, () => this.#connect());
  }

  #reconnectNow() {
    if (this.#started && !this.#socket) this.#connect();
  }

  #send(message) {
    if (this.isOpen) this.#socket.send(JSON.stringify(message));
  }

  #startTimer(name, ms, action) {
    this.#clearTimer(name);
    this.#timers.set(name, setTimeout(action, ms));
  }

  #clearTimer(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

const timeBefore = (ms) => new Date(Date.now() - ms).toISOString();
