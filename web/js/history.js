// The history: cards, newest first, one category or all, page by page.

import { byId, calm, goTo, say, show } from "./dom.js";
import { isRunning } from "./library.js";
import { Problem } from "./problems.js";
import { phaseOf } from "./stage.js";
import { ago, CATEGORIES, category, exactTime, number, shortened } from "./words.js";

const STATUS_WORDS = {
  reading: "Being read",
  queued: "Waiting",
  waiting: "Starting",
  completed: "",
  failed: "Failed",
  cancelled: "Cancelled",
  unfilmed: "No film",
};
const SKELETONS = 4;
const TIMES_MS = 60_000;

/** Fires "open" (`detail`: a dream's id) and "delete" (`detail`: a dream). */
export class History extends EventTarget {
  #library;
  #list = byId("cards");
  #more = byId("history-more");
  #cards = new Map();
  #category = "";
  #cursor = "";
  #total = 0;
  #loading = null;

  constructor(library) {
    super();
    this.#library = library;
    this.#offerCategories();
    library.addEventListener("change", ({ detail: dream }) => this.#place(dream));
    library.addEventListener("remove", ({ detail: id }) => this.#removed(id));
    library.addEventListener("clear", () => this.#empty());
    this.#more.addEventListener("click", () => this.#loadMore());
    setInterval(() => this.#tellTimes(), TIMES_MS);
  }

  /** Loads the first page anew. */
  async load() {
    this.#empty();
    this.#skeletons();
    await this.#page((ids) => {
      this.#list.querySelectorAll(".skeleton").forEach((each) => each.remove());
      ids.forEach((id) => this.#place(this.#library.get(id)));
    });
  }

  /** Moves the focus to the title: after what had it is gone. */
  focus() {
    goTo(byId("history-title"));
  }

  #empty() {
    this.#loading?.abort();
    this.#cards.clear();
    this.#list.replaceChildren();
    this.#cursor = "";
    this.#total = 0;
    say(byId("history-alert"), "");
    show(this.#more, false);
    show(byId("history-empty"), false);
    byId("history-total").textContent = "";
  }

  #skeletons() {
    this.#list.setAttribute("aria-busy", "true");
    for (let count = 0; count < SKELETONS; count += 1) {
      const card = document.createElement("li");
      card.className = "card skeleton";
      card.setAttribute("aria-hidden", "true");
      this.#list.append(card);
    }
  }

  async #page(use) {
    const loading = new AbortController();
    this.#loading = loading;
    try {
      const page = await this.#library.page({ category: this.#category, cursor: this.#cursor, signal: loading.signal });
      if (loading.signal.aborted) return;
      this.#cursor = page.cursor;
      this.#total = page.total;
      use(page.ids);
    } catch (problem) {
      if (loading.signal.aborted) return;
      if (!(problem instanceof Problem)) throw problem;
      this.#list.querySelectorAll(".skeleton").forEach((each) => each.remove());
      say(byId("history-alert"), problem.words);
    } finally {
      if (!loading.signal.aborted) this.#loaded();
    }
  }

  #loaded() {
    this.#loading = null;
    this.#list.removeAttribute("aria-busy");
    show(this.#more, Boolean(this.#cursor));
    this.#summary();
  }

  async #loadMore() {
    this.#more.disabled = true;
    say(byId("history-alert"), "");
    await this.#page((ids) => {
      ids.forEach((id) => this.#place(this.#library.get(id)));
      this.#cards.get(ids[0])?.querySelector(".card-open").focus();
    });
    this.#more.disabled = false;
  }

  #offerCategories() {
    for (const [name, words] of [["", "All"], ...Object.entries(CATEGORIES)]) {
      const label = document.createElement("label");
      label.className = "choice";
      label.dataset.category = name;
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "category", value: name, checked: name === "" });
      const text = document.createElement("span");
      text.textContent = words;
      label.append(input, text);
      byId("filter").append(label);
    }
    byId("filter").addEventListener("change", ({ target }) => {
      this.#category = target.value;
      this.load();
    });
  }

  /** Puts a dream's card where it belongs, or takes it away when it does not match. */
  #place(dream) {
    const matches = !this.#category || dream.category === this.#category;
    const card = this.#cards.get(dream.id);
    if (!matches) return card && this.#take(dream.id);
    if (card) return fill(card, dream);
    const added = this.#newCard(dream);
    const next = [...this.#list.children].find((each) => each.dataset.id < dream.id);
    this.#list.insertBefore(added, next ?? null);
    this.#cards.set(dream.id, added);
    if (!this.#loading && this.#cards.size > this.#total) this.#total = this.#cards.size;
    return this.#summary();
  }

  #newCard(dream) {
    const card = byId("card-template").content.firstElementChild.cloneNode(true);
    card.dataset.id = dream.id;
    card.querySelector(".card-open").addEventListener("click", () =>
      this.dispatchEvent(new CustomEvent("open", { detail: dream.id })),
    );
    card.querySelector(".card-delete").addEventListener("click", () =>
      this.dispatchEvent(new CustomEvent("delete", { detail: this.#library.get(dream.id) })),
    );
    preview(card, () => this.#library.get(dream.id)?.preview_url);
    fill(card, dream);
    return card;
  }

  #take(id) {
    this.#cards.get(id)?.remove();
    this.#cards.delete(id);
    this.#summary();
  }

  #removed(id) {
    if (!this.#cards.has(id)) return;
    this.#total = Math.max(0, this.#total - 1);
    this.#take(id);
  }

  #summary() {
    const isEmpty = this.#cards.size === 0 && !this.#loading && byId("history-alert").hidden;
    show(byId("history-empty"), isEmpty);
    byId("history-empty-words").textContent = this.#category
      ? `No dreams of the category ${category(this.#category)} yet.`
      : "No dreams yet. The first one that you tell will be kept here.";
    byId("history-total").textContent = this.#total ? `${number(this.#total)} ${this.#total === 1 ? "dream" : "dreams"}` : "";
  }

  #tellTimes() {
    for (const time of this.#list.querySelectorAll("time")) time.textContent = ago(time.dateTime);
  }
}

function fill(card, dream) {
  const phase = phaseOf(dream);
  card.dataset.phase = phase;
  card.dataset.category = dream.category ?? "";
  card.querySelector(".card-text").textContent = shortened(dream.dream_text, 110);
  const label = card.querySelector(".card-category");
  label.textContent = category(dream.category);
  show(label, Boolean(dream.category));
  const status = card.querySelector(".card-status");
  status.textContent = phase === "rendering" ? `${dream.progress}%` : STATUS_WORDS[phase];
  const time = card.querySelector("time");
  time.dateTime = dream.created_at;
  time.title = exactTime(dream.created_at);
  time.textContent = ago(dream.created_at);
  const remove = card.querySelector(".card-delete");
  remove.setAttribute("aria-label", `Delete the dream “${shortened(dream.dream_text, 40)}”`);
  show(remove, !isRunning(dream));
  picture(card.querySelector(".picture"), dream, phase);
}

function picture(frame, dream, phase) {
  frame.style.setProperty("--progress", String(phase === "rendering" ? dream.progress : 0));
  let image = frame.querySelector("img.still");
  if (!dream.thumbnail_url) return image?.remove();
  if (!image) {
    image = document.createElement("img");
    Object.assign(image, { className: "still", alt: "", loading: "lazy", decoding: "async", width: 640, height: 360 });
    // A link that has ended leaves the frame's own colours.
    image.addEventListener("error", () => image.remove());
    frame.append(image);
  }
  // The same picture under a newly signed link need not be loaded again.
  if (image.dataset.job !== dream.job_id) {
    image.dataset.job = dream.job_id;
    image.src = dream.thumbnail_url;
  }
  return undefined;
}

/** The moving preview, while the pointer or the focus is on the card. */
function preview(card, address) {
  const frame = card.querySelector(".picture");
  const stop = () => frame.querySelector("img.moving")?.remove();
  const start = () => {
    const url = address();
    if (!url || calm() || frame.querySelector("img.moving")) return;
    const image = document.createElement("img");
    Object.assign(image, { className: "moving", alt: "", src: url });
    image.addEventListener("error", () => image.remove());
    frame.append(image);
  };
  card.addEventListener("pointerenter", start);
  card.addEventListener("pointerleave", stop);
  card.addEventListener("focusin", start);
  card.addEventListener("focusout", stop);
}
