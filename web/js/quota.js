// What is left of the user's quota: from GET /quota and from the answers that carry it.

import { ApiError } from "./api-error.js";
import { isRunning } from "./dream-status.js";
import { formatNumber, resetText } from "./format.js";
import { SessionEndedError } from "./session.js";

/** Fires "change" (`detail`: the quota, or null while it is unknown). */
export class Quota extends EventTarget {
  #api;
  #running = new Set();
  #timer = null;
  #version = 0;

  constructor(api, store) {
    super();
    this.#api = api;
    store.addEventListener("change", ({ detail: dream }) => this.#follow(dream.id, isRunning(dream)));
    store.addEventListener("remove", ({ detail: id }) => this.#follow(id, false));
    store.addEventListener("clear", () => {
      this.#running.clear();
      this.set(null);
    });
  }

  /** Takes a quota that came with another answer, and drops one that is being loaded. */
  set(quota) {
    this.#version += 1;
    clearTimeout(this.#timer);
    const wait = quota ? Date.parse(quota.videos_today.resets_at) - Date.now() + 1000 : 0;
    // A new day has a new quota.
    if (wait > 0) this.#timer = setTimeout(() => this.load(), wait);
    this.dispatchEvent(new CustomEvent("change", { detail: quota }));
  }

  async load() {
    this.#version += 1;
    const version = this.#version;
    try {
      const quota = await this.#api.get("/quota");
      if (version === this.#version) this.set(quota);
    } catch (error) {
      // What is known stays; a request over the quota explains itself.
      if (!(error instanceof ApiError || error instanceof SessionEndedError)) throw error;
    }
  }

  /** A video that ends frees its place, and may be given back. */
  #follow(id, running) {
    if (running) this.#running.add(id);
    else if (this.#running.delete(id)) this.load();
  }
}

export const isUsedUp = (quota) => Boolean(quota) && (quota.videos_today.remaining === 0 || quota.analyses_today.remaining === 0);

/** Says what is left of today's videos, and when there are more. */
export function quotaText(quota) {
  if (!quota) return "";
  const { videos_today: today, videos_now: now } = quota;
  const again = `Again ${resetText(today.resets_at)}.`;
  if (today.remaining === 0 && today.used >= today.limit) return `Today’s ${formatNumber(today.limit)} videos are used up. ${again}`;
  if (today.remaining === 0) return `Videos are paused for today. ${again}`;
  if (isUsedUp(quota)) return `No more dreams can be analyzed today. ${again}`;
  const left = `${formatNumber(today.remaining)} of ${formatNumber(today.limit)} videos left today`;
  return now.remaining === 0 ? `${left}. Wait until one of your videos is finished.` : `${left}.`;
}
