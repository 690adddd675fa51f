// What is left of today's videos and analyses: from GET /quota and from the answers that carry it.

import { ApiError } from "./api-error.js";
import { formatNumber, resetText } from "./format.js";
import { SessionEndedError } from "./session.js";

/** Fires "change" (`detail`: the quota, or null). */
export class Quota extends EventTarget {
  #api;
  #timer = null;

  constructor(api) {
    super();
    this.#api = api;
  }

  set(quota) {
    clearTimeout(this.#timer);
    const wait = quota ? Date.parse(quota.videos_today.resets_at) - Date.now() + 1000 : 0;
    // A new day has a new quota.
    if (wait > 0) this.#timer = setTimeout(() => this.refresh(), wait);
    this.dispatchEvent(new CustomEvent("change", { detail: quota }));
  }

  /** Asks the API again; without an answer, what is known stays. */
  async refresh() {
    try {
      this.set(await this.#api.get("/quota"));
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof SessionEndedError)) throw error;
    }
  }
}

export const isUsedUp = (quota) => quota?.videos_today.remaining === 0;

/** Says what is left of today's videos, and when there are more. */
export function quotaText(quota) {
  if (!quota) return "";
  const { limit, used, remaining, resets_at: resets } = quota.videos_today;
  if (remaining > 0) return `${formatNumber(remaining)} of ${formatNumber(limit)} videos left today.`;
  const again = `Again ${resetText(resets)}.`;
  return used < limit ? `Videos are paused for today. ${again}` : `Today’s ${formatNumber(limit)} videos are used up. ${again}`;
}
