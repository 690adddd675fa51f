// The screen: one dream, from "reading" over its progress to the film.

import { announce, bringIntoView, byId, calm, goTo, say, show } from "./dom.js";
import { isRunning } from "./library.js";
import { Problem } from "./problems.js";
import { ago, category, exactTime, shortened } from "./words.js";

const WORDS = {
  empty: "Your dream will appear here.",
  reading: "Reading your dream …",
  queued: "Waiting for a free projector …",
  waiting: "Setting up the camera …",
  rendering: "Filming your dream …",
  completed: "",
  failed: "This dream slipped away.",
  cancelled: "The film was cancelled.",
  unfilmed: "This dream has no film yet.",
};
const SPOKEN_STEPS = [25, 50, 75];
const DEFAULT_SECONDS = 5;

/** What the screen shows for a dream. */
export function phaseOf(dream) {
  if (!dream) return "empty";
  if (["completed", "failed", "cancelled"].includes(dream.video_status)) return dream.video_status;
  if (dream.analysis_status === "failed") return "failed";
  if (dream.analysis_status === "pending") return "reading";
  if (!dream.video_status) return "unfilmed";
  if (dream.video_status === "processing") return dream.progress > 0 ? "rendering" : "waiting";
  return dream.queued_since ? "queued" : "waiting";
}

/** Fires "retell" (`detail`: a text) and "delete" (`detail`: a dream). */
export class Stage extends EventTarget {
  #api;
  #library;
  #section = byId("stage");
  #video = byId("stage-video");
  #id = null;
  #spoken = {};
  #filmOf = null;
  #renewed = false;

  constructor(api, library) {
    super();
    this.#api = api;
    this.#library = library;
    library.addEventListener("change", ({ detail: dream }) => dream.id === this.#id && this.#render());
    library.addEventListener("remove", ({ detail: id }) => id === this.#id && this.clear());
    this.#video.addEventListener("error", () => this.#renewLink());
    byId("stage-cancel").addEventListener("click", () => this.#act(byId("stage-cancel"), () => this.#cancel()));
    byId("stage-again").addEventListener("click", () => this.#act(byId("stage-again"), () => this.#again()));
    byId("stage-delete").addEventListener("click", () =>
      this.dispatchEvent(new CustomEvent("delete", { detail: this.#library.get(this.#id) })),
    );
    this.clear();
  }

  clear() {
    this.#id = null;
    this.#render();
  }

  /** After a reload in the middle: the newest film that is being made comes back to an empty screen. */
  resume() {
    if (this.#section.dataset.phase !== "empty") return;
    const running = this.#library.all().filter(isRunning);
    const newest = running.reduce((best, each) => (each.job_id > best.job_id ? each : best), running[0]);
    if (newest) this.open(newest.id);
  }

  /** While a dream is sent and has no id yet. */
  telling(text) {
    this.#id = null;
    this.#render({ dream_text: text, analysis_status: "pending" });
  }

  /** Shows a dream of the library; `focus` moves there. */
  open(id, { focus = false } = {}) {
    this.#id = id;
    const dream = this.#library.get(id);
    this.#spoken = { phase: phaseOf(dream), step: 0 };
    this.#renewed = false;
    this.#render();
    if (dream.job_id && phaseOf(dream) === "failed" && !dream.error_message) {
      this.#fetchVideo(dream.job_id).catch((problem) => this.#explain(problem));
    }
    if (focus) {
      byId("stage-title").focus({ preventScroll: true });
      bringIntoView(this.#section);
    }
  }

  #render(dream = this.#library.get(this.#id)) {
    const phase = phaseOf(dream);
    this.#section.dataset.phase = phase;
    this.#section.dataset.category = dream?.category ?? "";
    this.#about(dream, phase);
    this.#curtain(dream, phase);
    this.#film(dream, phase);
    this.#buttons(dream, phase);
    this.#speak(dream, phase);
    document.title = phase === "rendering" ? `${dream.progress}% · DreamVision` : "DreamVision";
  }

  #about(dream, phase) {
    byId("stage-title").textContent = dream ? "Your dream" : "Your screen";
    byId("stage-text").textContent = dream?.dream_text ?? "Tell a dream, or choose one of those below.";
    byId("stage-prompt").textContent = dream?.video_prompt ?? "";
    show(byId("stage-details"), Boolean(dream?.video_prompt));
    const chips = byId("stage-chips");
    chips.replaceChildren();
    if (dream?.category) chips.append(chip(category(dream.category), "chip"));
    if (dream?.created_at) {
      const time = document.createElement("time");
      time.dateTime = dream.created_at;
      time.title = exactTime(dream.created_at);
      time.textContent = ago(dream.created_at);
      chips.append(time);
    }
    say(byId("stage-alert"), phase === "failed" ? (dream.error_message ?? "") : "");
  }

  #curtain(dream, phase) {
    const bar = byId("stage-bar");
    byId("stage-words").textContent = WORDS[phase];
    byId("stage-percent").textContent = phase === "rendering" ? `${dream.progress}%` : "";
    show(bar, ["reading", "queued", "waiting", "rendering"].includes(phase));
    if (phase === "rendering") bar.value = dream.progress;
    else bar.removeAttribute("value");
    show(byId("stage-curtain"), phase !== "completed");
  }

  #film(dream, phase) {
    const isThere = phase === "completed" && Boolean(dream.video_url);
    show(this.#video, isThere);
    if (!isThere) {
      if (this.#filmOf) this.#unload();
      return;
    }
    // A fresh link to the same film must not start it again.
    if (this.#filmOf === dream.job_id) return;
    this.#filmOf = dream.job_id;
    if (dream.thumbnail_url) this.#video.poster = dream.thumbnail_url;
    else this.#video.removeAttribute("poster");
    this.#video.src = dream.video_url;
    if (!calm()) this.#play();
  }

  #play() {
    // The browser may refuse to begin by itself: then the controls are there.
    this.#video.play().catch(() => {});
  }

  #unload() {
    this.#filmOf = null;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.removeAttribute("poster");
    this.#video.load();
  }

  /** A link is good for an hour: a film that no longer loads is asked for once more, and goes on where it was. */
  async #renewLink() {
    const dream = this.#library.get(this.#id);
    if (!dream || !this.#video.hasAttribute("src")) return;
    if (this.#renewed) return say(byId("stage-alert"), "The film could not be loaded.");
    this.#renewed = true;
    const position = this.#video.currentTime;
    try {
      const video = await this.#fetchVideo(dream.job_id);
      if (this.#id !== dream.id || !video.video_url) return;
      this.#video.src = video.video_url;
      this.#video.currentTime = position;
      this.#video.addEventListener("playing", () => (this.#renewed = false), { once: true });
      this.#play();
    } catch (problem) {
      this.#explain(problem);
    }
  }

  #buttons(dream, phase) {
    const known = Boolean(dream?.id);
    const again = byId("stage-again");
    const canFilm = known && dream.analysis_status === "completed" && ["failed", "cancelled", "unfilmed"].includes(phase);
    const canRetell = known && phase === "failed" && dream.analysis_status === "failed";
    show(again, canFilm || canRetell);
    again.textContent = canRetell ? "Tell it again" : phase === "unfilmed" ? "Film it" : "Film it again";
    show(byId("stage-cancel"), known && isRunning(dream));
    show(byId("stage-delete"), known && !isRunning(dream));
  }

  #speak(dream, phase) {
    if (phase !== this.#spoken.phase) {
      this.#spoken = { phase, step: 0 };
      if (phase === "completed") announce("Your film is ready.");
      else if (phase !== "empty") announce(WORDS[phase]);
      return;
    }
    const step = phase === "rendering" ? (SPOKEN_STEPS.findLast((each) => dream.progress >= each) ?? 0) : 0;
    if (step > this.#spoken.step) {
      this.#spoken.step = step;
      announce(`${step} percent.`);
    }
  }

  async #cancel() {
    const dream = this.#library.get(this.#id);
    try {
      const { data } = await this.#api.call("DELETE", `/videos/${dream.job_id}`);
      if (data) await this.#library.putVideo(data);
    } catch (problem) {
      // It was finished in the meantime: show how.
      if (problem.status !== 409) throw problem;
      await this.#fetchVideo(dream.job_id);
    }
    goTo(byId("stage-title"));
  }

  async #again() {
    const dream = this.#library.get(this.#id);
    if (dream.analysis_status === "failed") {
      return this.dispatchEvent(new CustomEvent("retell", { detail: dream.dream_text }));
    }
    const body = { dream_id: dream.id, duration: dream.duration ?? DEFAULT_SECONDS };
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    const { data } = await this.#api.call("POST", "/videos/generate", { body, headers });
    this.#library.put({ id: dream.id, job_id: data.job_id, video_status: data.status, video_url: null, thumbnail_url: null });
    return goTo(byId("stage-title"));
  }

  async #fetchVideo(jobId) {
    const video = await this.#api.get(`/videos/${jobId}`);
    await this.#library.putVideo(video);
    return video;
  }

  async #act(button, action) {
    button.disabled = true;
    say(byId("stage-alert"), "");
    try {
      await action();
    } catch (problem) {
      this.#explain(problem);
    } finally {
      button.disabled = false;
    }
  }

  #explain(problem) {
    if (!(problem instanceof Problem)) throw problem;
    say(byId("stage-alert"), problem.words);
  }
}

function chip(text, className) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = shortened(text);
  return element;
}
