// The signed-in session. Tokens are kept in memory and in localStorage, so that a closed tab or browser stays signed in
// for as long as the API allows: seven days without a refresh. All tabs of a browser share them.

const KEY = "dreamvision.session";
const EXPIRES_SOON_MS = 60_000;

/** The session is over; the user has to sign in again. */
export class SessionEndedError extends Error {}

/** Fires "opened", "renamed" and "closed" (`detail.reason`: "signed-out", "expired" or "deleted"). */
export class Session extends EventTarget {
  #tokens = null;
  #renewal = null;
  #requestTokens;

  /** `requestTokens(refreshToken)` gets new tokens from the API; it throws ApiError. */
  constructor(requestTokens) {
    super();
    this.#requestTokens = requestTokens;
    // Fires for the changes of other tabs only.
    addEventListener("storage", ({ key, newValue }) => key === KEY && newValue && this.#onChanged(JSON.parse(newValue)));
  }

  get user() {
    return this.#tokens?.user ?? null;
  }

  get refreshToken() {
    return this.#tokens?.refreshToken;
  }

  /** Restores the session of this browser, if there is one. */
  restore() {
    const stored = readStored();
    if (stored) this.#use(stored);
  }

  /** Starts or continues the session with the tokens of an API response. */
  open(response) {
    const tokens = {
      accessToken: response.access_token,
      refreshToken: response.refresh_token,
      expiresAt: Date.now() + response.expires_in * 1000,
      user: response.user,
    };
    localStorage.setItem(KEY, JSON.stringify(tokens));
    this.#use(tokens);
  }

  close(reason) {
    // Other tabs learn the reason before the entry disappears.
    localStorage.setItem(KEY, JSON.stringify({ closed: reason }));
    localStorage.removeItem(KEY);
    this.#forget(reason);
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
    await navigator.locks.request(KEY, async () => {
      if (!this.#tokens) throw new SessionEndedError();
      // Another tab may have renewed already, before it released the lock.
      const stored = readStored();
      if (stored) this.#onChanged(stored);
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

  /** Changes the name in the stored session, after the user has changed it. */
  rename(username) {
    const tokens = { ...this.#tokens, user: { ...this.#tokens.user, username } };
    localStorage.setItem(KEY, JSON.stringify(tokens));
    this.#use(tokens);
  }

  #use(tokens) {
    const isNew = this.#tokens?.user.id !== tokens.user.id;
    const isRenamed = !isNew && this.#tokens.user.username !== tokens.user.username;
    this.#tokens = tokens;
    if (isNew) this.dispatchEvent(new CustomEvent("opened"));
    if (isRenamed) this.dispatchEvent(new CustomEvent("renamed"));
  }

  #forget(reason) {
    if (!this.#tokens) return;
    this.#tokens = null;
    this.dispatchEvent(new CustomEvent("closed", { detail: { reason } }));
  }

  #onChanged(stored) {
    if (stored.closed) this.#forget(stored.closed);
    else if (this.#tokens && this.#tokens.user.id !== stored.user.id) {
      // Somebody else signed in, in another tab.
      this.#forget("expired");
      this.#use(stored);
    } else if (!this.#tokens || stored.expiresAt > this.#tokens.expiresAt || stored.user.username !== this.#tokens.user.username) {
      this.#use(stored);
    }
  }
}

/** Returns the stored session, or null without one. */
function readStored() {
  const stored = JSON.parse(localStorage.getItem(KEY));
  return stored?.accessToken ? stored : null;
}
