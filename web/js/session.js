// Who is signed in. Tokens live in memory and in this tab's sessionStorage: they end with the tab, and tabs of the same
// browser share them through a BroadcastChannel, so that a second tab need not sign in and a renewal reaches them all.

const KEY = "dreamvision.session";
const CHANNEL = "dreamvision.session";
const EXPIRES_SOON_MS = 60_000;
// Tabs answer within a few milliseconds, if there are any.
const ASK_OTHERS_MS = 150;

/** The session cannot go on: the person has to sign in again. */
export class SessionOverError extends Error {}

/** Fires "opened" and "closed" (`detail.reason`: "signed-out" or "expired"). */
export class Session extends EventTarget {
  #tokens = null;
  #renewal = null;
  #channel = new BroadcastChannel(CHANNEL);
  #renew;

  /** `renew(refreshToken)` asks the API for new tokens; it throws a Problem. */
  constructor(renew) {
    super();
    this.#renew = renew;
    this.#channel.addEventListener("message", ({ data }) => this.#hear(data));
  }

  get user() {
    return this.#tokens?.user ?? null;
  }

  /** Finds the session of this tab, or of another one. */
  async restore() {
    const kept = JSON.parse(sessionStorage.getItem(KEY));
    if (kept && kept.expiresAt - Date.now() > EXPIRES_SOON_MS) return this.#keep(kept);
    // Another tab may have newer tokens. A refresh token that was used already would end the session for all of them.
    this.#channel.postMessage({ type: "ask" });
    await new Promise((resolve) => {
      setTimeout(resolve, ASK_OTHERS_MS);
      this.addEventListener("opened", resolve, { once: true });
    });
    if (kept && !this.#tokens) this.#keep(kept);
  }

  /** Begins or goes on with the tokens that the API answered. */
  open(answer) {
    this.#keep({
      accessToken: answer.access_token,
      refreshToken: answer.refresh_token,
      expiresAt: Date.now() + answer.expires_in * 1000,
      user: answer.user,
    });
    this.#channel.postMessage({ type: "session", tokens: this.#tokens });
  }

  close(reason) {
    if (this.#forget(reason)) this.#channel.postMessage({ type: "closed", reason });
  }

  /** An access token that is good for a minute at the least. Throws SessionOverError. */
  async accessToken() {
    if (!this.#tokens) throw new SessionOverError();
    if (this.#tokens.expiresAt - Date.now() < EXPIRES_SOON_MS) await this.renew(this.#tokens.accessToken);
    if (!this.#tokens) throw new SessionOverError();
    return this.#tokens.accessToken;
  }

  /** New tokens in place of a refused one: one request at a time, in all tabs together. Throws SessionOverError. */
  async renew(refused) {
    this.#renewal ??= this.#renewOnce(refused).finally(() => {
      this.#renewal = null;
    });
    await this.#renewal;
  }

  async #renewOnce(refused) {
    await navigator.locks.request(CHANNEL, async () => {
      // Another tab may have been faster; what it posted before it gave the lock back is heard first.
      await new Promise((resolve) => setTimeout(resolve));
      if (!this.#tokens) throw new SessionOverError();
      if (this.#tokens.accessToken !== refused) return;
      try {
        this.open(await this.#renew(this.#tokens.refreshToken));
      } catch (problem) {
        if (![400, 401, 403, 422].includes(problem.status)) throw problem;
        this.close("expired");
        throw new SessionOverError();
      }
    });
  }

  #keep(tokens) {
    const isNew = this.#tokens?.user.id !== tokens.user.id;
    this.#tokens = tokens;
    sessionStorage.setItem(KEY, JSON.stringify(tokens));
    if (isNew) this.dispatchEvent(new CustomEvent("opened"));
  }

  #forget(reason) {
    sessionStorage.removeItem(KEY);
    if (!this.#tokens) return false;
    this.#tokens = null;
    this.dispatchEvent(new CustomEvent("closed", { detail: { reason } }));
    return true;
  }

  #hear(message) {
    if (message.type === "ask" && this.#tokens) {
      this.#channel.postMessage({ type: "session", tokens: this.#tokens });
    } else if (message.type === "closed") {
      this.#forget(message.reason);
    } else if (message.type === "session" && (!this.#tokens || this.#tokens.user.id === message.tokens.user.id)) {
      if (!this.#tokens || message.tokens.expiresAt > this.#tokens.expiresAt) this.#keep(message.tokens);
    }
  }
}
