// The signed-in session. Tokens are kept in memory and in this tab's sessionStorage, so they end with the tab. Tabs of the
// same browser share them over a BroadcastChannel: a second tab does not have to sign in, and a renewal reaches every tab.

const KEY = "dreamvision.session";
const CHANNEL = "dreamvision.session";
const EXPIRES_SOON_MS = 60_000;
// Other tabs, if there are any, respond within a few milliseconds.
const OTHER_TABS_MS = 150;

/** The session is over; the user has to sign in again. */
export class SessionEndedError extends Error {}

/** Fires "opened" and "closed" (`detail.reason`: "signed-out" or "expired"). */
export class Session extends EventTarget {
  #tokens = null;
  #renewal = null;
  #channel = new BroadcastChannel(CHANNEL);
  #requestTokens;

  /** `requestTokens(refreshToken)` gets new tokens from the API; it throws ApiError. */
  constructor(requestTokens) {
    super();
    this.#requestTokens = requestTokens;
    this.#channel.addEventListener("message", ({ data }) => this.#onMessage(data));
  }

  get user() {
    return this.#tokens?.user ?? null;
  }

  get refreshToken() {
    return this.#tokens?.refreshToken;
  }

  /** Restores the session of this tab, or takes over that of another tab. */
  async restore() {
    const stored = JSON.parse(sessionStorage.getItem(KEY));
    if (stored && stored.expiresAt - Date.now() > EXPIRES_SOON_MS) return this.#store(stored);
    // Another tab may have newer tokens, and using a refresh token twice would end the session in every tab.
    this.#channel.postMessage({ type: "request" });
    await new Promise((resolve) => {
      setTimeout(resolve, OTHER_TABS_MS);
      this.addEventListener("opened", resolve, { once: true });
    });
    if (stored && !this.#tokens) this.#store(stored);
  }

  /** Starts or continues the session with the tokens of an API response. */
  open(response) {
    this.#store({
      accessToken: response.access_token,
      refreshToken: response.refresh_token,
      expiresAt: Date.now() + response.expires_in * 1000,
      user: response.user,
    });
    this.#channel.postMessage({ type: "session", tokens: this.#tokens });
  }

  close(reason) {
    if (this.#clear(reason)) this.#channel.postMessage({ type: "closed", reason });
  }

  /** Returns an access token that is valid for at least one minute. Throws SessionEndedError. */
  async accessToken() {
    if (!this.#tokens) throw new SessionEndedError();
    if (this.#tokens.expiresAt - Date.now() < EXPIRES_SOON_MS) await this.renew(this.#tokens.accessToken);
    if (!this.#tokens) throw new SessionEndedError();
    return this.#tokens.accessToken;
  }

  /** Replaces a rejected token, with one request at a time across all tabs. Throws SessionEndedError. */
  async renew(rejected) {
    this.#renewal ??= this.#renewOnce(rejected).finally(() => {
      this.#renewal = null;
    });
    await this.#renewal;
  }

  async #renewOnce(rejected) {
    await navigator.locks.request(CHANNEL, async () => {
      // Another tab may have renewed already: first receive what it posted before it released the lock.
      await new Promise((resolve) => setTimeout(resolve));
      if (!this.#tokens) throw new SessionEndedError();
      if (this.#tokens.accessToken !== rejected) return;
      try {
        this.open(await this.#requestTokens(this.#tokens.refreshToken));
      } catch (error) {
        if (![400, 401, 403, 422].includes(error.status)) throw error;
        this.close("expired");
        throw new SessionEndedError();
      }
    });
  }

  #store(tokens) {
    const isNew = this.#tokens?.user.id !== tokens.user.id;
    this.#tokens = tokens;
    sessionStorage.setItem(KEY, JSON.stringify(tokens));
    if (isNew) this.dispatchEvent(new CustomEvent("opened"));
  }

  #clear(reason) {
    sessionStorage.removeItem(KEY);
    if (!this.#tokens) return false;
    this.#tokens = null;
    this.dispatchEvent(new CustomEvent("closed", { detail: { reason } }));
    return true;
  }

  #onMessage(message) {
    if (message.type === "request" && this.#tokens) {
      this.#channel.postMessage({ type: "session", tokens: this.#tokens });
    } else if (message.type === "closed") {
      this.#clear(message.reason);
    } else if (message.type === "session" && (!this.#tokens || this.#tokens.user.id === message.tokens.user.id)) {
      if (!this.#tokens || message.tokens.expiresAt > this.#tokens.expiresAt) this.#store(message.tokens);
    }
  }
}
