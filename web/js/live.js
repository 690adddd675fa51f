// Live updates over a WebSocket: one connection, reopened with growing pauses, caught up with "sync" afterwards.

// API Gateway closes a connection that was idle for ten minutes.
const PING_MS = 5 * 60_000;
const PONG_MS = 15_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
// Before the server has told its time there is only this clock, which may be wrong: look back a little, and a day when
// the server says that this lies in the future. What comes twice does no harm.
const LOOK_BACK_MS = 2 * 60_000;
const LOOK_BACK_FAR_MS = 24 * 60 * 60_000;

/** Fires "message" (`detail`: the parsed message) and "state" (`detail`: true while updates arrive). */
export class Live extends EventTarget {
  #url;
  #token;
  #socket = null;
  #wanted = false;
  #failures = 0;
  // The server's time up to which everything is known, and the newest `updated_at` since.
  #since = null;
  #timers = new Map();

  /** `url` may be null: then there are no live updates. `token()` resolves to an access token. */
  constructor(url, token) {
    super();
    this.#url = url;
    this.#token = token;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#hurry());
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  start() {
    if (!this.#url || this.#wanted) return;
    this.#wanted = true;
    this.#failures = 0;
    this.#since = null;
    this.#connect();
  }

  stop() {
    this.#wanted = false;
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
    this.#socket?.close(1000);
  }

  async #connect() {
    this.#cancel("retry");
    if (!this.#wanted || this.#socket) return;
    let token;
    try {
      token = await this.#token();
    } catch {
      // No network, or no session: the next attempt or the sign-out tells.
      return this.#retryLater();
    }
    if (!this.#wanted || this.#socket) return;
    const socket = new WebSocket(this.#url, ["dreamvision", `bearer.${token}`]);
    this.#socket = socket;
    socket.addEventListener("open", () => this.#opened(socket));
    socket.addEventListener("message", ({ data }) => this.#received(data));
    socket.addEventListener("close", () => this.#closed(socket));
  }

  #opened(socket) {
    this.#failures = 0;
    this.#sync(this.#since ?? before(LOOK_BACK_MS));
    this.#after("ping", PING_MS, () => this.#ping(socket));
    this.dispatchEvent(new CustomEvent("state", { detail: true }));
  }

  #ping(socket) {
    this.#send({ action: "ping" });
    this.#after("pong", PONG_MS, () => socket.close());
    this.#after("ping", PING_MS, () => this.#ping(socket));
  }

  #received(text) {
    this.#cancel("pong");
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message?.type === "synced") this.#synced(message);
    else if (message?.type === "error" && message.code === "invalid_since") this.#sync(before(LOOK_BACK_FAR_MS));
    else if (message?.updated_at) {
      if (this.#since && message.updated_at > this.#since) this.#since = message.updated_at;
      this.dispatchEvent(new CustomEvent("message", { detail: message }));
    }
  }

  #sync(since) {
    this.#send({ action: "sync", since });
  }

  #synced({ truncated, next_since: next }) {
    if (truncated) this.#sync(next);
    else if (!this.#since || next > this.#since) this.#since = next;
  }

  #closed(socket) {
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#cancel("ping");
    this.#cancel("pong");
    this.dispatchEvent(new CustomEvent("state", { detail: false }));
    this.#retryLater();
  }

  #retryLater() {
    if (!this.#wanted) return;
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Full jitter: clients that lost their connection together do not come back together.
    this.#after("retry", 250 + Math.random() * longest, () => this.#connect());
  }

  #hurry() {
    if (this.#wanted && !this.#socket) this.#connect();
  }

  #send(message) {
    if (this.isOpen) this.#socket.send(JSON.stringify(message));
  }

  #after(name, ms, action) {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(action, ms));
  }

  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

const before = (ms) => new Date(Date.now() - ms).toISOString();
