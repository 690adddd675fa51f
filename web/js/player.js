// The player: one dream, from its analysis through the progress to the finished video.

import { ApiError } from "./api-error.js";
import { announce, byId, moveFocusTo, prefersReducedMotion, scrollIntoViewIfNeeded, setMessage, setVisible } from "./dom.js";
import { isRunning, needsAnotherText, phaseOf } from "./dream-status.js";
import { categoryName, dateAndTime, deviceRatio, timeAgo, timeOfDay, truncate } from "./format.js";

const PHASE_TEXT = {
  empty: "Your video will appear here.",
  analyzing: "Analyzing your dream…",
  queued: "Waiting in the queue…",
  starting: "Preparing your video…",
  rendering: "Creating your video…",
  completed: "",
  failed: "Something went wrong with this dream.",
  cancelled: "The video was cancelled.",
  "no-video": "This dream has no video yet.",
};
const ANNOUNCED_PERCENTAGES = [25, 50, 75];
const DEFAULT_SECONDS = 5;

/** Fires "edit" (`detail`: a text), "created" (another video) and "delete" (`detail`: a dream). */
export class Player extends EventTarget {
  #api;
  #store;
  #section = byId("player");
  #video = byId("player-video");
  #id = null;
  #announced = {};
  #loadedJobId = null;
  #linkRenewed = false;

  constructor(api, store) {
    super();
    this.#api = api;
    this.#store = store;
    store.addEventListener("change", ({ detail: dream }) => dream.id === this.#id && this.#render());
    store.addEventListener("remove", ({ detail: id }) => id === this.#id && this.clear());
    this.#video.addEventListener("error", () => this.#renewLink());
    byId("player-cancel").addEventListener("click", () => this.#run(byId("player-cancel"), () => this.#cancel()));
    byId("player-retry").addEventListener("click", () => this.#run(byId("player-retry"), () => this.#retry()));
    byId("player-delete").addEventListener("click", () =>
      this.dispatchEvent(new CustomEvent("delete", { detail: this.#store.get(this.#id) })),
    );
    this.clear();
  }

  clear() {
    this.#id = null;
    this.#render();
  }

  /** Opens the newest running video in an empty player, for example after a reload. */
  resume() {
    if (this.#section.dataset.phase !== "empty") return;
    const running = this.#store.all().filter(isRunning);
    const newest = running.reduce((best, each) => (each.job_id > best.job_id ? each : best), running[0]);
    if (newest) this.open(newest.id);
  }

  /** Shows a dream that is being submitted and has no id yet. */
  showSubmitting(request) {
    this.#id = null;
    this.#render({ ...request, analysis_status: "pending" });
  }

  /** Shows a dream of the store; `focus` moves the focus to the player. */
  open(id, { focus = false } = {}) {
    this.#id = id;
    const dream = this.#store.get(id);
    this.#announced = { phase: phaseOf(dream), percentage: 0 };
    this.#linkRenewed = false;
    this.#render();
    if (dream.job_id && ["failed", "cancelled"].includes(phaseOf(dream)) && !dream.error_code) {
      this.#fetchVideo(dream.job_id).catch((error) => this.#showError(error));
    }
    if (focus) {
      byId("player-title").focus({ preventScroll: true });
      scrollIntoViewIfNeeded(this.#section);
    }
  }

  #render(dream = this.#store.get(this.#id)) {
    const phase = phaseOf(dream);
    this.#section.dataset.phase = phase;
    this.#section.dataset.category = dream?.category ?? "";
    this.#section.dataset.ratio = dream?.aspect_ratio ?? "";
    this.#renderInfo(dream, phase);
    this.#renderOverlay(dream, phase);
    this.#renderVideo(dream, phase);
    this.#renderButtons(dream, phase);
    this.#announce(dream, phase);
    document.title = phase === "rendering" ? `${percentOf(dream)}% · DreamVision` : "DreamVision";
  }

  #renderInfo(dream, phase) {
    byId("player-title").textContent = dream?.title ?? (dream ? "Your dream" : "Your video");
    byId("player-text").textContent = dream?.dream_text ?? "Describe a dream, or choose one from your history.";
    // The latest video may have been made from another prompt than the dream's own.
    const video = dream?.video?.job_id === dream?.job_id ? dream?.video : null;
    byId("player-prompt").textContent = video?.video_prompt ?? dream?.video_prompt ?? "";
    byId("player-seed").textContent = Number.isInteger(video?.seed) ? `Seed ${video.seed}` : "";
    setVisible(byId("player-prompt-details"), Boolean(dream?.video_prompt));
    const chips = byId("player-chips");
    chips.replaceChildren();
    if (dream?.category) chips.append(categoryChip(dream.category));
    if (dream?.created_at) {
      const time = document.createElement("time");
      time.dateTime = dream.created_at;
      time.title = dateAndTime(dream.created_at);
      time.textContent = timeAgo(dream.created_at);
      chips.append(time);
    }
    setMessage(byId("player-alert"), phase === "failed" ? (dream.error_message ?? "") : "");
    byId("player-counted").textContent = countedText(dream, phase);
  }

  #renderOverlay(dream, phase) {
    const progress = byId("player-progress");
    byId("player-status").textContent = PHASE_TEXT[phase];
    byId("player-percent").textContent = phase === "rendering" ? `${percentOf(dream)}%` : "";
    byId("player-estimate").textContent = estimateText(dream, phase);
    setVisible(progress, ["analyzing", "queued", "starting", "rendering"].includes(phase));
    if (phase === "rendering") progress.value = percentOf(dream);
    else progress.removeAttribute("value");
    setVisible(byId("player-overlay"), phase !== "completed");
  }

  #renderVideo(dream, phase) {
    const isReady = phase === "completed" && Boolean(dream.video_url);
    setVisible(this.#video, isReady);
    if (!isReady) {
      if (this.#loadedJobId) this.#unload();
      return;
    }
    // A fresh link to the same video must not restart it.
    if (this.#loadedJobId === dream.job_id) return;
    this.#loadedJobId = dream.job_id;
    if (dream.thumbnail_url) this.#video.poster = dream.thumbnail_url;
    else this.#video.removeAttribute("poster");
    this.#video.src = dream.video_url;
    if (!prefersReducedMotion()) this.#play();
  }

  #play() {
    // The browser may block autoplay; the user can still start the video with its controls.
    this.#video.play().catch(() => {});
  }

  #unload() {
    this.#loadedJobId = null;
    this.#video.pause();
    this.#video.removeAttribute("src");
    this.#video.removeAttribute("poster");
    this.#video.load();
  }

  /** Fetches a new link once when the video fails to load (links are valid for an hour) and keeps the position. */
  async #renewLink() {
    const dream = this.#store.get(this.#id);
    if (!dream || !this.#video.hasAttribute("src")) return;
    if (this.#linkRenewed) return setMessage(byId("player-alert"), "The video could not be loaded.");
    this.#linkRenewed = true;
    const position = this.#video.currentTime;
    try {
      const video = await this.#fetchVideo(dream.job_id);
      if (this.#id !== dream.id || !video.video_url) return;
      this.#video.src = video.video_url;
      this.#video.currentTime = position;
      this.#video.addEventListener("playing", () => (this.#linkRenewed = false), { once: true });
      this.#play();
    } catch (error) {
      this.#showError(error);
    }
  }

  #renderButtons(dream, phase) {
    const hasId = Boolean(dream?.id);
    const retry = byId("player-retry");
    const canEdit = hasId && phase === "failed" && needsAnotherText(dream);
    const canCreate =
      hasId && !canEdit && dream.analysis_status === "completed" && ["failed", "cancelled", "no-video"].includes(phase);
    setVisible(retry, canCreate || canEdit);
    retry.textContent = canEdit ? "Edit and try again" : phase === "no-video" ? "Turn into a video" : "Try again";
    setVisible(byId("player-cancel"), hasId && isRunning(dream));
    setVisible(byId("player-delete"), hasId && !isRunning(dream));
  }

  #announce(dream, phase) {
    if (phase !== this.#announced.phase) {
      this.#announced = { phase, percentage: 0 };
      if (phase === "completed") announce("Your video is ready.");
      else if (phase !== "empty") announce(PHASE_TEXT[phase]);
      return;
    }
    const reached = phase === "rendering" ? ANNOUNCED_PERCENTAGES.findLast((each) => dream.progress >= each) : undefined;
    if (reached > this.#announced.percentage) {
      this.#announced.percentage = reached;
      announce(`${reached} percent.`);
    }
  }

  async #cancel() {
    const dream = this.#store.get(this.#id);
    try {
      const { data } = await this.#api.call("DELETE", `/videos/${dream.job_id}`);
      if (data) await this.#store.putVideo(data);
    } catch (error) {
      // The video finished in the meantime: show its result.
      if (error.status !== 409) throw error;
      await this.#fetchVideo(dream.job_id);
    }
    moveFocusTo(byId("player-title"));
  }

  async #retry() {
    const dream = this.#store.get(this.#id);
    if (needsAnotherText(dream)) {
      return this.dispatchEvent(new CustomEvent("edit", { detail: dream.dream_text }));
    }
    const body = {
      dream_id: dream.id,
      duration: dream.duration ?? DEFAULT_SECONDS,
      aspect_ratio: dream.aspect_ratio ?? deviceRatio(),
    };
    const headers = { "Idempotency-Key": crypto.randomUUID() };
    const { data } = await this.#api.call("POST", "/videos/generate", { body, headers });
    const { job_id, status: video_status, aspect_ratio, estimated_completion_time } = data;
    const created = { job_id, video_status, aspect_ratio, estimated_completion_time };
    this.#store.put({ id: dream.id, ...created, video_url: null, thumbnail_url: null });
    this.dispatchEvent(new CustomEvent("created"));
    return moveFocusTo(byId("player-title"));
  }

  async #fetchVideo(jobId) {
    const video = await this.#api.get(`/videos/${jobId}`);
    await this.#store.putVideo(video);
    return video;
  }

  async #run(button, action) {
    button.disabled = true;
    setMessage(byId("player-alert"), "");
    try {
      await action();
    } catch (error) {
      this.#showError(error);
    } finally {
      button.disabled = false;
    }
  }

  #showError(error) {
    if (!(error instanceof ApiError)) throw error;
    setMessage(byId("player-alert"), error.userMessage);
  }
}

// A dream of a list has no progress.
const percentOf = (dream) => dream.progress ?? 0;

/** Returns since when the video waits, or when it will probably be ready. */
function estimateText(dream, phase) {
  if (phase === "queued") return `The video service is busy. In the queue since ${timeOfDay(dream.queued_since)}.`;
  if (!["analyzing", "starting", "rendering"].includes(phase) || !dream.estimated_completion_time) return "";
  const minutes = Math.ceil((Date.parse(dream.estimated_completion_time) - Date.now()) / 60_000);
  if (minutes <= 0) return "It is taking longer than usual.";
  return minutes === 1 ? "Ready in less than a minute." : `Ready in about ${minutes} minutes.`;
}

/** Returns whether a video that failed or was cancelled counts; nothing while that is not decided. */
function countedText(dream, phase) {
  if (!["failed", "cancelled"].includes(phase) || typeof dream.counted !== "boolean") return "";
  return dream.counted ? "It counts as one of the day’s videos." : "It does not count as one of the day’s videos.";
}

function categoryChip(category) {
  const chip = document.createElement("span");
  chip.className = "chip";
  chip.textContent = truncate(categoryName(category));
  return chip;
}
