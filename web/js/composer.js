// The form in which a dream is told.

import { isCountingDown, startCountdown } from "./countdown.js";
import { announce, bringIntoView, byId, say } from "./dom.js";
import { fieldErrors, Problem } from "./problems.js";
import { characters, MAX_CHARACTERS, MIN_CHARACTERS, number } from "./words.js";

const LABEL = "Dream it";

/** Fires "telling" (`detail`: the text), "told" (`detail`: `{dreamId, detail}`) and "refused". */
export class Composer extends EventTarget {
  #api;
  #text = byId("dream-text");
  #duration = byId("duration");
  #button = byId("dream-submit");
  #error = byId("dream-error");
  // The key of a request whose answer never came: sent again, it is answered and not paid twice.
  #unanswered = null;

  constructor(api) {
    super();
    this.#api = api;
    this.#text.addEventListener("input", () => this.#count());
    this.#text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#tell();
    });
    this.#duration.addEventListener("input", () => this.#measure());
    byId("dream-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#tell();
    });
    this.#count();
    this.#measure();
  }

  clear() {
    byId("dream-form").reset();
    this.#unanswered = null;
    this.#mark("");
    say(byId("dream-alert"), "");
    this.#count();
    this.#measure();
  }

  /** Puts a text back, to be told again. */
  fill(text) {
    this.#text.value = text;
    this.#count();
    this.#text.focus();
  }

  #count() {
    const count = characters(this.#text.value);
    const counter = byId("dream-counter");
    counter.textContent = `${number(count)} of ${number(MAX_CHARACTERS)} characters`;
    counter.dataset.over = String(count > MAX_CHARACTERS);
    if (count >= MIN_CHARACTERS && count <= MAX_CHARACTERS) this.#mark("");
  }

  #measure() {
    const seconds = this.#duration.value;
    byId("duration-words").textContent = `${seconds} seconds`;
    this.#duration.setAttribute("aria-valuetext", `${seconds} seconds`);
    this.#duration.style.setProperty("--filled", `${(seconds - 5) * 20}%`);
  }

  async #tell() {
    if (this.#button.disabled) return;
    const text = this.#text.value.trim();
    const complaint = wrongLength(characters(text));
    this.#mark(complaint);
    say(byId("dream-alert"), "");
    if (complaint) return this.#text.focus();
    const duration = Number(this.#duration.value);
    this.#busy(true);
    this.dispatchEvent(new CustomEvent("telling", { detail: text }));
    try {
      const told = await this.#send({ dream_text: text, duration });
      this.clear();
      this.dispatchEvent(new CustomEvent("told", { detail: told }));
    } catch (problem) {
      this.#explain(problem);
    } finally {
      this.#busy(false);
    }
  }

  async #send(body) {
    const fingerprint = JSON.stringify(body);
    const key = this.#unanswered?.fingerprint === fingerprint ? this.#unanswered.key : crypto.randomUUID();
    this.#unanswered = { fingerprint, key };
    const { data } = await this.#api.call("POST", "/dreams/generate-video", { body, headers: { "Idempotency-Key": key } });
    this.#unanswered = null;
    const known = { dream_text: body.dream_text, duration: body.duration };
    return data.dream_analysis ? analyzed(data, known) : accepted(data, known);
  }

  #explain(problem) {
    this.dispatchEvent(new CustomEvent("refused"));
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status !== 0 && problem.status !== 504) this.#unanswered = null;
    const { dream_text: text, duration } = fieldErrors(problem);
    if (text) {
      this.#mark(text);
      return this.#text.focus();
    }
    say(byId("dream-alert"), duration ? `Length: ${duration}` : problem.words);
    // On a phone the screen was brought into view, below the form.
    bringIntoView(byId("dream-alert"));
    if (problem.status === 429) startCountdown(this.#button, problem.retryAfter, () => LABEL);
  }

  #busy(busy) {
    if (busy) announce("Reading your dream.");
    this.#button.setAttribute("aria-busy", String(busy));
    // A countdown keeps the button to itself.
    if (isCountingDown(this.#button)) return;
    this.#button.disabled = busy;
    this.#button.textContent = busy ? "Reading your dream …" : LABEL;
  }

  #mark(text) {
    this.#error.textContent = text;
    this.#text.setAttribute("aria-invalid", String(Boolean(text)));
  }
}

function wrongLength(count) {
  if (count < MIN_CHARACTERS) return `Please tell a little more: at least ${MIN_CHARACTERS} characters.`;
  if (count > MAX_CHARACTERS) return `Please tell it shorter: ${number(count - MAX_CHARACTERS)} characters are too many.`;
  return "";
}

/** 200: the analysis is there, and a film is being made. */
function analyzed({ dream_analysis: analysis, video_generation: video }, known) {
  const { dream_id: id, token_usage: _usage, processing_time_ms: _time, ...rest } = analysis;
  return { ...known, ...rest, id, analysis_status: "completed", job_id: video.job_id, video_status: video.status };
}

/** 202: taken in; the analysis still runs. */
function accepted({ dream_id: id, job_id, status }, known) {
  return { ...known, id, job_id, video_status: status, analysis_status: "pending", created_at: new Date().toISOString() };
}
