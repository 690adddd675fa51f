// Polls the status of running videos. While live updates arrive, it polls only occasionally; without them it polls as
// often as the API's Retry-After allows, with the ETag of the last response.

import { isFinal, isRunning } from "./dream-status.js";
import { sleep } from "./dom.js";
import { SessionEndedError } from "./session.js";

const LIVE_SECONDS = 20;
const POLL_SECONDS = 3;
const ERROR_SECONDS = 10;
// Without live updates, changes from other devices are found by reloading the first page of the history.
const HISTORY_MS = 15_000;

export class VideoPoller {
  #api;
  #store;
  #liveUpdates;
  #loops = new Map();
  #historyTimer = null;

  constructor(api, store, liveUpdates) {
    this.#api = api;
    this.#store = store;
    this.#liveUpdates = liveUpdates;
    store.addEventListener("change", ({ detail: dream }) => this.#startOrStop(dream));
    store.addEventListener("remove", ({ detail: id }) => this.#stop(id));
    store.addEventListener("clear", () => this.stop());
    liveUpdates.addEventListener("state", () => this.#wakeAll());
  }

  start() {
    this.#historyTimer ??= setInterval(() => this.#refreshHistory(), HISTORY_MS);
  }

  stop() {
    clearInterval(this.#historyTimer);
    this.#historyTimer = null;
    for (const id of [...this.#loops.keys()]) this.#stop(id);
  }

  #startOrStop(dream) {
    const loop = this.#loops.get(dream.id);
    if (loop && (loop.jobId !== dream.job_id || !isRunning(dream))) this.#stop(dream.id);
    if (isRunning(dream) && !this.#loops.has(dream.id)) {
      const started = { jobId: dream.job_id, stop: new AbortController(), wake: new AbortController() };
      this.#loops.set(dream.id, started);
      this.#poll(dream.id, started);
    }
  }

  #stop(id) {
    this.#loops.get(id)?.stop.abort();
    this.#loops.get(id)?.wake.abort();
    this.#loops.delete(id);
  }

  #wakeAll() {
    for (const loop of this.#loops.values()) {
      loop.wake.abort();
      loop.wake = new AbortController();
    }
  }

  async #poll(dreamId, loop) {
    const { signal } = loop.stop;
    let etag = null;
    while (!signal.aborted) {
      let seconds = ERROR_SECONDS;
      try {
        const headers = etag ? { "If-None-Match": etag } : {};
        const response = await this.#api.call("GET", `/videos/${loop.jobId}`, { headers, signal });
        etag = response.headers.get("etag") ?? etag;
        seconds = Number(response.headers.get("retry-after")) || POLL_SECONDS;
        if (response.data) await this.#update(dreamId, response.data);
      } catch (error) {
        if (signal.aborted || error instanceof SessionEndedError) return;
        if (error.status === 404) await this.#store.refresh(dreamId).catch(() => {});
        seconds = error.retryAfter ?? ERROR_SECONDS;
      }
      if (this.#liveUpdates.isOpen) seconds = Math.max(seconds, LIVE_SECONDS);
      await sleep(seconds * 1000, loop.wake.signal);
    }
  }

  async #update(dreamId, video) {
    await this.#store.putVideo(video);
    const dream = this.#store.get(dreamId);
    if (dream?.analysis_status === "pending" && (video.status !== "pending" || isFinal(video.status))) {
      await this.#store.refresh(dreamId);
    }
  }

  #refreshHistory() {
    if (this.#liveUpdates.isOpen || document.visibilityState !== "visible") return;
    // After an error, the next interval tries again.
    this.#store.loadPage().catch(() => {});
  }
}
