// The history: dream cards, newest first, for one category or all, page by page.

import { ApiError } from "./api-error.js";
import { byId, prefersReducedMotion, setMessage, setVisible } from "./dom.js";
import { phaseOf } from "./dream-status.js";
import { CATEGORIES, categoryName, dateAndTime, formatNumber, timeAgo, truncate } from "./format.js";

const STATUS_TEXT = {
  analyzing: "Analyzing",
  queued: "Waiting",
  starting: "Starting",
  completed: "",
  failed: "Failed",
  cancelled: "Cancelled",
  "no-video": "No video",
};
const SKELETONS = 4;
const REFRESH_TIMES_MS = 60_000;

/** Fires "open" (`detail`: a dream's id). */
export class DreamHistory extends EventTarget {
  #store;
  #list = byId("cards");
  #more = byId("history-more");
  #cards = new Map();
  #category = "";
  #cursor = "";
  #total = 0;
  #loading = null;

  constructor(store) {
    super();
    this.#store = store;
    this.#createFilter();
    store.addEventListener("change", ({ detail: dream }) => this.#updateCard(dream));
    store.addEventListener("remove", ({ detail: id }) => this.#onRemoved(id));
    store.addEventListener("clear", () => this.#clear());
    this.#more.addEventListener("click", () => this.#loadMore());
    setInterval(() => this.#refreshTimes(), REFRESH_TIMES_MS);
  }

  /** Clears the list and loads the first page. */
  async load() {
    this.#clear();
    this.#showSkeletons();
    await this.#loadPage((ids) => {
      this.#removeSkeletons();
      ids.forEach((id) => this.#updateCard(this.#store.get(id)));
    });
  }

  #clear() {
    this.#loading?.abort();
    this.#cards.clear();
    this.#list.replaceChildren();
    this.#cursor = "";
    this.#total = 0;
    setMessage(byId("history-alert"), "");
    setVisible(this.#more, false);
    setVisible(byId("history-empty"), false);
    byId("history-total").textContent = "";
  }

  #showSkeletons() {
    this.#list.setAttribute("aria-busy", "true");
    for (let count = 0; count < SKELETONS; count += 1) {
      const card = document.createElement("li");
      card.className = "card skeleton";
      card.setAttribute("aria-hidden", "true");
      this.#list.append(card);
    }
  }

  #removeSkeletons() {
    this.#list.querySelectorAll(".skeleton").forEach((each) => each.remove());
  }

  async #loadPage(onLoaded) {
    const loading = new AbortController();
    this.#loading = loading;
    try {
      const page = await this.#store.loadPage({ category: this.#category, cursor: this.#cursor, signal: loading.signal });
      if (loading.signal.aborted) return;
      this.#cursor = page.cursor;
      this.#total = page.total;
      onLoaded(page.ids);
    } catch (error) {
      if (loading.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      this.#removeSkeletons();
      setMessage(byId("history-alert"), error.userMessage);
    } finally {
      if (!loading.signal.aborted) this.#finishLoading();
    }
  }

  #finishLoading() {
    this.#loading = null;
    this.#list.removeAttribute("aria-busy");
    setVisible(this.#more, Boolean(this.#cursor));
    this.#updateSummary();
  }

  async #loadMore() {
    this.#more.disabled = true;
    setMessage(byId("history-alert"), "");
    await this.#loadPage((ids) => {
      ids.forEach((id) => this.#updateCard(this.#store.get(id)));
      this.#cards.get(ids[0])?.querySelector(".card-open").focus();
    });
    this.#more.disabled = false;
  }

  #createFilter() {
    for (const [category, name] of [["", "All"], ...Object.entries(CATEGORIES)]) {
      const label = document.createElement("label");
      label.className = "filter-option";
      label.dataset.category = category;
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: "category", value: category, checked: category === "" });
      const text = document.createElement("span");
      text.textContent = name;
      label.append(input, text);
      byId("category-filter").append(label);
    }
    byId("category-filter").addEventListener("change", ({ target }) => {
      this.#category = target.value;
      this.load();
    });
  }

  /** Adds or updates a dream's card at its place in the list, or removes it if the filter excludes it. */
  #updateCard(dream) {
    const matches = !this.#category || dream.category === this.#category;
    const card = this.#cards.get(dream.id);
    if (!matches) return card && this.#removeCard(dream.id);
    if (card) return renderCard(card, dream);
    const added = this.#newCard(dream);
    const next = [...this.#list.children].find((each) => each.dataset.id < dream.id);
    this.#list.insertBefore(added, next ?? null);
    this.#cards.set(dream.id, added);
    if (!this.#loading && this.#cards.size > this.#total) this.#total = this.#cards.size;
    return this.#updateSummary();
  }

  #newCard(dream) {
    const card = byId("card-template").content.firstElementChild.cloneNode(true);
    card.dataset.id = dream.id;
    card.querySelector(".card-open").addEventListener("click", () =>
      this.dispatchEvent(new CustomEvent("open", { detail: dream.id })),
    );
    showPreviewOnHover(card, () => this.#store.get(dream.id)?.preview_url);
    renderCard(card, dream);
    return card;
  }

  #removeCard(id) {
    this.#cards.get(id)?.remove();
    this.#cards.delete(id);
    this.#updateSummary();
  }

  #onRemoved(id) {
    if (!this.#cards.has(id)) return;
    this.#total = Math.max(0, this.#total - 1);
    this.#removeCard(id);
  }

  #updateSummary() {
    const isEmpty = this.#cards.size === 0 && !this.#loading && byId("history-alert").hidden;
    setVisible(byId("history-empty"), isEmpty);
    byId("history-empty-text").textContent = this.#category
      ? `No dreams in the category ${categoryName(this.#category)} yet.`
      : "No dreams yet. Your first one will appear here.";
    const dreams = this.#total === 1 ? "dream" : "dreams";
    byId("history-total").textContent = this.#total ? `${formatNumber(this.#total)} ${dreams}` : "";
  }

  #refreshTimes() {
    for (const time of this.#list.querySelectorAll("time")) time.textContent = timeAgo(time.dateTime);
  }
}

function renderCard(card, dream) {
  const phase = phaseOf(dream);
  card.dataset.phase = phase;
  card.dataset.category = dream.category ?? "";
  card.dataset.ratio = dream.aspect_ratio ?? "";
  const title = card.querySelector(".card-title");
  title.textContent = dream.title ?? "";
  setVisible(title, Boolean(dream.title));
  card.querySelector(".card-text").textContent = truncate(dream.dream_text, 160);
  const label = card.querySelector(".card-category");
  label.textContent = categoryName(dream.category);
  setVisible(label, Boolean(dream.category));
  const status = card.querySelector(".card-status");
  status.textContent = phase === "rendering" ? `${dream.progress ?? 0}%` : STATUS_TEXT[phase];
  const time = card.querySelector("time");
  time.dateTime = dream.created_at;
  time.title = dateAndTime(dream.created_at);
  time.textContent = timeAgo(dream.created_at);
  renderThumbnail(card.querySelector(".card-thumbnail"), dream, phase);
}

function renderThumbnail(frame, dream, phase) {
  frame.style.setProperty("--progress", String(phase === "rendering" ? (dream.progress ?? 0) : 0));
  let image = frame.querySelector("img.thumbnail");
  if (!dream.thumbnail_url) return image?.remove();
  if (!image) {
    image = document.createElement("img");
    Object.assign(image, { className: "thumbnail", alt: "", loading: "lazy", decoding: "async" });
    // With an expired link, the frame shows its background only.
    image.addEventListener("error", () => image.remove());
    frame.append(image);
  }
  // A newly signed link points to the same thumbnail: do not load it again.
  if (image.dataset.job !== dream.job_id) {
    image.dataset.job = dream.job_id;
    image.src = dream.thumbnail_url;
  }
  return undefined;
}

/** Plays the animated preview while the pointer or the focus is on the card. */
function showPreviewOnHover(card, previewUrl) {
  const frame = card.querySelector(".card-thumbnail");
  const stop = () => frame.querySelector("img.preview")?.remove();
  const start = () => {
    const url = previewUrl();
    if (!url || prefersReducedMotion() || frame.querySelector("img.preview")) return;
    const image = document.createElement("img");
    Object.assign(image, { className: "preview", alt: "", src: url });
    image.addEventListener("error", () => image.remove());
    frame.append(image);
  };
  card.addEventListener("pointerenter", start);
  card.addEventListener("pointerleave", stop);
  card.addEventListener("focusin", start);
  card.addEventListener("focusout", stop);
}
