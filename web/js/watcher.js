// Watches films that are being made. While live updates arrive, it only looks in now and then; without them it asks as
// often as the API's Retry-After allows, and tells an unchanged answer by its ETag.

import { sleep } from "./dom.js";
import { isFinal, isRunning } from "./library.js";
import { SessionOverError } from "./session.js";

const LIVE_SECONDS = 20;
const POLL_SECONDS = 3;
const ERROR_SECONDS = 10;
// Without live updates, news from other devices come with the history's first page.
const HISTORY_MS = 15_000;

export class Watcher {
  #api;
  #library;
  #live;
  #loops = new Map();
  #historyTimer = null;

  constructor(api, library, live) {
    this.#api = api;
    this.#library = library;
    this.#live = live;
    library.addEventListener("change", ({ detail: dream }) => this.#consider(dream));
    library.addEventListener("remove", ({ detail: id }) => this.#stop(id));
    library.addEventListener("clear", () => this.stop());
    live.addEventListener("state", () => this.#wakeAll());
  }

  start() {
    this.#historyTimer ??= setInterval(() => this.#lookAround(), HISTORY_MS);
  }

  stop() {
    clearInterval(this.#historyTimer);
    this.#historyTimer = null;
    for (const id of [...this.#loops.keys()]) this.#stop(id);
  }

  #consider(dream) {
    const loop = this.#loops.get(dream.id);
    if (loop && (loop.jobId !== dream.job_id || !isRunning(dream))) this.#stop(dream.id);
    if (isRunning(dream) && !this.#loops.has(dream.id)) {
      const started = { jobId: dream.job_id, stop: new AbortController(), wake: new AbortController() };
      this.#loops.set(dream.id, started);
      this.#watch(dream.id, started);
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

  async #watch(dreamId, loop) {
    const { signal } = loop.stop;
    let etag = null;
    while (!signal.aborted) {
      let seconds = ERROR_SECONDS;
      try {
        const headers = etag ? { "If-None-Match": etag } : {};
        const answer = await this.#api.call("GET", `/videos/${loop.jobId}`, { headers, signal });
        etag = answer.headers.get("etag") ?? etag;
        seconds = Number(answer.headers.get("retry-after")) || POLL_SECONDS;
        if (answer.data) await this.#take(dreamId, answer.data);
      } catch (problem) {
        if (signal.aborted || problem instanceof SessionOverError) return;
        if (problem.status === 404) await this.#library.refresh(dreamId).catch(() => {});
        seconds = problem.retryAfter ?? ERROR_SECONDS;
      }
      if (this.#live.isOpen) seconds = Math.max(seconds, LIVE_SECONDS);
      await sleep(seconds * 1000, loop.wake.signal);
    }
  }

  async #take(dreamId, video) {
    await this.#library.putVideo(video);
    const dream = this.#library.get(dreamId);
    if (dream?.analysis_status === "pending" && (video.status !== "pending" || isFinal(video.status))) {
      await this.#library.refresh(dreamId);
    }
  }

  #lookAround() {
    if (this.#live.isOpen || document.visibilityState !== "visible") return;
    // The next look comes soon enough.
    this.#library.page().catch(() => {});
  }
}
