// What is left of the user's quota, under the form.

import { ApiError } from "./api-error.js";
import { byId } from "./dom.js";
import { isRunning } from "./dream-status.js";
import { timeOfDay } from "./format.js";
import { SessionEndedError } from "./session.js";

export class QuotaLine {
  #api;
  #element = byId("quota");
  #running = new Set();
  #version = 0;

  constructor(api, store) {
    this.#api = api;
    store.addEventListener("change", ({ detail: dream }) => this.#follow(dream.id, isRunning(dream)));
    store.addEventListener("remove", ({ detail: id }) => this.#follow(id, false));
    store.addEventListener("clear", () => this.clear());
  }

  clear() {
    this.#version += 1;
    this.#running.clear();
    this.#element.textContent = "";
  }

  /** Shows a quota that came with another answer, and drops one that is being loaded. */
  show(quota) {
    this.#version += 1;
    this.#element.textContent = textOf(quota);
  }

  async load() {
    this.#version += 1;
    const version = this.#version;
    try {
      const quota = await this.#api.get("/quota");
      if (version === this.#version) this.show(quota);
    } catch (error) {
      // The line keeps what it said; a request over the quota explains itself.
      if (!(error instanceof ApiError || error instanceof SessionEndedError)) throw error;
    }
  }

  /** A video that ends frees its place, and may be given back. */
  #follow(id, running) {
    if (running) this.#running.add(id);
    else if (this.#running.delete(id)) this.load();
  }
}

function textOf({ videos_today: today, videos_now: now, analyses_today: analyses }) {
  if (today.remaining === 0 || analyses.remaining === 0) {
    return `No videos left today. You can create more after ${timeOfDay(today.resets_at)}.`;
  }
  const left = `${today.remaining} of ${today.limit} videos left today`;
  return now.remaining === 0 ? `${left}. Wait until one of your videos is finished.` : `${left}.`;
}
