// The form for a new dream: text, video length, shape, submit.

import { ApiError, fieldErrors } from "./api-error.js";
import { isCountingDown, startCountdown, stopCountdown } from "./countdown.js";
import { announce, byId, scrollIntoViewIfNeeded, setMessage } from "./dom.js";
import { deviceRatio, formatNumber, onDeviceRatioChange } from "./format.js";
import { isUsedUp, quotaText } from "./quota.js";

const LABEL = "Create video";
const MIN_CHARACTERS = 10;
const MAX_CHARACTERS = 2000;

/** Fires "submitting" (`detail`: the request), "created" (`detail`: a dream) and "failed". */
export class DreamForm extends EventTarget {
  #api;
  #quota;
  #text = byId("dream-text");
  #duration = byId("duration");
  #button = byId("dream-submit");
  #error = byId("dream-error");
  #shapeIsChosen = false;
  // The idempotency key of a request without a response: a retry with the same key does not pay for a second video.
  #unanswered = null;

  constructor(api, quota) {
    super();
    this.#api = api;
    this.#quota = quota;
    quota.addEventListener("change", ({ detail }) => this.#showQuota(detail));
    this.#text.addEventListener("input", () => this.#updateCounter());
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#submit();
    });
    this.#duration.addEventListener("input", () => this.#updateDuration());
    for (const shape of byId("dream-form").elements.aspect_ratio) {
      shape.addEventListener("change", () => (this.#shapeIsChosen = true));
    }
    onDeviceRatioChange(() => this.#shapeIsChosen || this.#chooseShape());
    byId("dream-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#updateCounter();
    this.#updateDuration();
    this.#chooseShape();
  }

  clear() {
    byId("dream-form").reset();
    this.#unanswered = null;
    this.#setTextError("");
    setMessage(byId("dream-alert"), "");
    this.#updateCounter();
    this.#updateDuration();
    this.#chooseShape();
  }

  /** Fills in the text of an earlier dream, to edit and submit it again. */
  fill(text) {
    this.#text.value = text;
    this.#updateCounter();
    this.#text.focus();
  }

  #showQuota(quota) {
    const line = byId("quota");
    // Another user, or a quota that was given back.
    if (!isUsedUp(quota) && (!quota || line.dataset.usedUp === "true")) stopCountdown(this.#button);
    line.textContent = quotaText(quota);
    line.dataset.usedUp = String(isUsedUp(quota));
  }

  #updateCounter() {
    const count = countCharacters(this.#text.value);
    const counter = byId("dream-counter");
    counter.textContent = `${formatNumber(count)} of ${formatNumber(MAX_CHARACTERS)} characters`;
    counter.dataset.over = String(count > MAX_CHARACTERS);
    if (count >= MIN_CHARACTERS && count <= MAX_CHARACTERS) this.#setTextError("");
  }

  #updateDuration() {
    const seconds = this.#duration.value;
    byId("duration-value").textContent = `${seconds} seconds`;
    this.#duration.setAttribute("aria-valuetext", `${seconds} seconds`);
    this.#duration.style.setProperty("--slider-fill", `${(seconds - 5) * 20}%`);
  }

  /** Chooses the shape that fills this device's screen, also when it is turned; the user can choose the other. */
  #chooseShape() {
    this.#shapeIsChosen = false;
    byId("dream-form").elements.aspect_ratio.value = deviceRatio();
  }

  async #submit() {
    if (this.#button.disabled) return;
    const text = this.#text.value.trim();
    const lengthError = checkLength(countCharacters(text));
    this.#setTextError(lengthError);
    setMessage(byId("dream-alert"), "");
    if (lengthError) return this.#text.focus();
    const body = {
      dream_text: text,
      duration: Number(this.#duration.value),
      aspect_ratio: byId("dream-form").elements.aspect_ratio.value,
    };
    this.#setBusy(true);
    this.dispatchEvent(new CustomEvent("submitting", { detail: body }));
    try {
      const created = await this.#send(body);
      this.clear();
      this.dispatchEvent(new CustomEvent("created", { detail: created }));
    } catch (error) {
      this.#showError(error);
    } finally {
      this.#setBusy(false);
    }
  }

  async #send(body) {
    const fingerprint = JSON.stringify(body);
    const key = this.#unanswered?.fingerprint === fingerprint ? this.#unanswered.key : crypto.randomUUID();
    this.#unanswered = { fingerprint, key };
    const { data } = await this.#api.call("POST", "/dreams/generate-video", { body, headers: { "Idempotency-Key": key } });
    this.#unanswered = null;
    this.#quota.set(data.quota);
    return data.dream_analysis ? analyzedDream(data, body) : acceptedDream(data, body);
  }

  #showError(error) {
    this.dispatchEvent(new CustomEvent("failed"));
    if (!(error instanceof ApiError)) throw error;
    if (error.status !== 0 && error.status !== 504) this.#unanswered = null;
    const { dream_text: text, duration } = fieldErrors(error);
    if (text) {
      this.#setTextError(text);
      return this.#text.focus();
    }
    setMessage(byId("dream-alert"), duration ? `Video length: ${duration}` : error.userMessage);
    scrollIntoViewIfNeeded(byId("dream-alert"));
    if (error.status === 429) this.#quota.load();
    if (error.status === 429) startCountdown(this.#button, error.retryAfter, () => LABEL);
  }

  #setBusy(busy) {
    if (busy) announce("Analyzing your dream.");
    this.#button.setAttribute("aria-busy", String(busy));
    // A countdown controls the button until it ends.
    if (isCountingDown(this.#button)) return;
    this.#button.disabled = busy;
    this.#button.textContent = busy ? "Analyzing your dream…" : LABEL;
  }

  #setTextError(text) {
    this.#error.textContent = text;
    this.#text.setAttribute("aria-invalid", String(Boolean(text)));
  }
}

/** Counts characters as the API does: Unicode code points, without leading and trailing white space. */
const countCharacters = (text) => [...text.trim()].length;

function checkLength(count) {
  if (count < MIN_CHARACTERS) return `Please write at least ${MIN_CHARACTERS} characters.`;
  const over = count - MAX_CHARACTERS;
  if (over > 0) return `Please shorten your dream by ${formatNumber(over)} ${over === 1 ? "character" : "characters"}.`;
  return "";
}

/** A 200: the dream is analyzed and its video is being created. */
function analyzedDream({ dream_analysis: analysis, video_generation: video }, known) {
  const { dream_id: id, token_usage: _usage, processing_time_ms: _time, ...rest } = analysis;
  return { ...known, ...rest, id, analysis_status: "completed", ...videoFields(video) };
}

/** A 202: the dream is accepted and still being analyzed. */
function acceptedDream({ dream_id: id, ...video }, known) {
  return { ...known, id, ...videoFields(video), analysis_status: "pending", created_at: new Date().toISOString() };
}

const videoFields = ({ job_id, status: video_status, estimated_completion_time }) => ({
  job_id,
  video_status,
  estimated_completion_time,
});
