// The player: one dream, from its analysis through the progress to the finished video.

import { ApiError } from "./api-error.js";
import { announce, byId, isPhone, prefersReducedMotion, scrollIntoViewIfNeeded, setMessage, setVisible } from "./dom.js";
import { isRunning, phaseOf } from "./dream-status.js";
import { categoryName, dateAndTime, timeAgo, timeOfDay, truncate } from "./format.js";

const PHASE_TEXT = {
  empty: "Your video will appear here.",
  analyzing: "Analyzing your dream…",
  queued: "Waiting for a free place…",
  starting: "Preparing your video…",
  rendering: "Creating your video…",
  completed: "",
  failed: "This dream could not be filmed.",
  cancelled: "The video was cancelled.",
  "no-video": "This dream has no video yet.",
};
const ANNOUNCED_PERCENTAGES = [25, 50, 75];

/** Fires "phase" when it shows another phase. */
export class Player extends EventTarget {
  #api;
  #store;
  #actions;
  #section = byId("player");
  #video = byId("player-video");
  #id = null;
  #isSubmitting = false;
  #focusesNext = false;
  #announced = {};
  #loadedJobId = null;
  #linkRenewed = false;

  constructor(api, store, actions) {
    super();
    this.#api = api;
    this.#store = store;
    this.#actions = actions;
    store.addEventListener("change", ({ detail: dream }) => dream.id === this.#id && this.#render());
    store.addEventListener("remove", ({ detail: id }) => id === this.#id && this.clear());
    this.#video.addEventListener("error", () => this.#renewLink());
    byId("player-more").addEventListener("click", () => this.#showAll(byId("player-text").dataset.clamped === "true"));
    new ResizeObserver(() => this.#offerMore()).observe(byId("player-text"));
    this.clear();
  }

  clear() {
    this.#id = null;
    this.#render();
  }

  /** Shows what belongs to no dream's address: a running video, and on a phone the newest film. */
  goHome() {
    const running = newest(this.#store.all().filter(isRunning));
    const film = isPhone() ? newest(this.#store.all().filter((dream) => dream.video_url)) : null;
    const dream = running ?? film;
    if (dream) this.open(dream.id);
    else this.clear();
  }

  /** Fills an empty player, for example after a reload. */
  resume() {
    if (this.#section.dataset.phase === "empty") this.goHome();
  }

  /** Shows a dream that is being submitted and has no id yet. What is already shown stays until the API has accepted it. */
  showSubmitting(request) {
    if (this.#id) return;
    this.#isSubmitting = true;
    this.#render({ ...request, analysis_status: "pending" });
  }

  /** Ends `showSubmitting` without a dream. */
  endSubmitting() {
    if (this.#isSubmitting) this.clear();
  }

  /** Moves the focus to the player when it opens the next dream. */
  focusNext() {
    this.#focusesNext = true;
  }

  /** Shows a dream of the store. */
  open(id) {
    const isOther = this.#id !== id;
    this.#id = id;
    const dream = this.#store.get(id);
    if (isOther) {
      this.#announced = { phase: phaseOf(dream), percentage: 0 };
      this.#linkRenewed = false;
      this.#showAll(false);
    }
    this.#render();
    if (dream.job_id && ["failed", "cancelled"].includes(phaseOf(dream)) && !dream.error_code) {
      this.#fetchVideo(dream.job_id).catch((error) => this.showError(error));
    }
    if (this.#focusesNext) {
      byId("player-title").focus({ preventScroll: true });
      scrollIntoViewIfNeeded(this.#section);
    }
    this.#focusesNext = false;
  }

  showError(error) {
    if (!(error instanceof ApiError)) throw error;
    setMessage(byId("player-alert"), error.userMessage);
  }

  #render(dream = this.#store.get(this.#id)) {
    const phase = phaseOf(dream);
    const isOther = this.#section.dataset.phase !== phase;
    if (this.#id) this.#isSubmitting = false;
    this.#section.dataset.phase = phase;
    this.#section.dataset.category = dream?.category ?? "";
    this.#section.dataset.ratio = dream?.aspect_ratio ?? "";
    this.#renderInfo(dream, phase, isOther);
    this.#renderOverlay(dream, phase);
    this.#renderVideo(dream, phase);
    this.#actions.render(dream, phase);
    this.#announce(dream, phase);
    const title = phase === "rendering" ? `${percentOf(dream)}%` : dream?.title;
    document.title = title ? `${title} · DreamVision` : "DreamVision";
    if (isOther) this.dispatchEvent(new CustomEvent("phase"));
  }

  #renderInfo(dream, phase, isOther) {
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
    // A message about a button stays while the same is shown.
    if (phase === "failed" || isOther) setMessage(byId("player-alert"), (phase === "failed" && dream.error_message) || "");
    byId("player-counted").textContent = countedText(dream, phase);
    this.#offerMore();
  }

  #renderOverlay(dream, phase) {
    const progress = byId("player-progress");
    byId("player-status").textContent = PHASE_TEXT[phase];
    byId("player-percent").textContent = phase === "rendering" ? `${percentOf(dream)}%` : "";
    byId("player-estimate").textContent = estimateText(dream, phase);
    // A video in the queue does not progress.
    setVisible(progress, ["analyzing", "starting", "rendering"].includes(phase));
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

  /** Fetches a new link once when the video fails to load (links are valid for one to four hours) and keeps the position. */
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
      this.showError(error);
    }
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

  async #fetchVideo(jobId) {
    const video = await this.#api.get(`/videos/${jobId}`);
    await this.#store.putVideo(video);
    return video;
  }

  /** Shows the whole text of a long dream, or its beginning. */
  #showAll(all) {
    byId("player-text").dataset.clamped = String(!all);
    byId("player-more").setAttribute("aria-expanded", String(all));
    byId("player-more").textContent = all ? "Show less" : "Show all";
    this.#offerMore();
  }

  #offerMore() {
    const text = byId("player-text");
    setVisible(byId("player-more"), text.dataset.clamped !== "true" || text.scrollHeight > text.clientHeight + 1);
  }
}

/** Returns the dream with the newest video, or undefined. Job ids sort by time. */
const newest = (dreams) => dreams.reduce((best, each) => (each.job_id > best.job_id ? each : best), dreams[0]);

// A dream of a list has no progress.
const percentOf = (dream) => dream.progress ?? 0;

/** Returns since when the video waits, or when it will probably be ready. */
function estimateText(dream, phase) {
  if (phase === "queued") return `In the queue since ${timeOfDay(dream.queued_since)}. The video service is busy.`;
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
