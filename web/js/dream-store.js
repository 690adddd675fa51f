// The dreams known to this page, updated from API responses, live messages and other tabs.
// A video's status only moves forward: a late response never overwrites a newer state.

import { isFinal, isOlder } from "./dream-status.js";

const PAGE_SIZE = 12;
const VIDEO_FIELDS = ["job_id", "video_status", "aspect_ratio", "video_url", "thumbnail_url", "preview_url"];
// How a video waits and ends. Each is set once; a dream of a list lacks some, and may be from before the others.
const OUTCOME_FIELDS = ["error_message", "error_code", "retryable", "counted", "queued_since", "estimated_completion_time"];
const ANALYSIS_FIELDS = ["analysis_status", "title", "category", "video_prompt", "template_used"];

// What a new video does not take over from the one before.
const NO_VIDEO_YET = { progress: 0, ...Object.fromEntries(OUTCOME_FIELDS.map((name) => [name, null])) };

/** Fires "change" (`detail`: the dream), "remove" (`detail`: a dream's id) and "clear". */
export class DreamStore extends EventTarget {
  #api;
  #dreams = new Map();
  #fetching = new Map();
  #removed = new Set();
  #channel = new BroadcastChannel("dreamvision.dreams");

  constructor(api) {
    super();
    this.#api = api;
    // The API has no event for a deletion, so tabs of this browser notify each other.
    this.#channel.addEventListener("message", ({ data }) => this.#remove(data.removed));
  }

  get(id) {
    return this.#dreams.get(id);
  }

  all() {
    return [...this.#dreams.values()];
  }

  clear() {
    this.#dreams.clear();
    this.#fetching.clear();
    this.#removed.clear();
    this.dispatchEvent(new CustomEvent("clear"));
  }

  /** Loads one page of the history: `{ids, total, cursor}`. */
  async loadPage({ category = "", cursor = "", signal } = {}) {
    const query = new URLSearchParams({ limit: PAGE_SIZE });
    if (category) query.set("category", category);
    if (cursor) query.set("cursor", cursor);
    const page = await this.#api.get(`/dreams?${query}`, { signal });
    const dreams = page.dreams.filter((dream) => !this.#removed.has(dream.id));
    dreams.forEach((dream) => this.put(dream));
    return { ids: dreams.map((dream) => dream.id), total: page.total, cursor: page.next_cursor ?? "" };
  }

  /** Fetches a dream again, once at a time. Removes a dream that no longer exists. */
  refresh(id) {
    if (!this.#fetching.has(id)) {
      const fetching = this.#api
        .get(`/dreams/${id}`)
        .then((dream) => this.put(dream))
        .catch((error) => {
          if (error.status !== 404) throw error;
          this.#remove(id);
        })
        .finally(() => this.#fetching.delete(id));
      this.#fetching.set(id, fetching);
    }
    return this.#fetching.get(id);
  }

  /** Merges a DreamDetail of the API, or a part of one, into what is known of the dream. */
  put(update) {
    if (this.#removed.has(update.id)) return;
    const known = this.#dreams.get(update.id);
    const dream = { ...known, ...update };
    if (known && isOlder(update, known)) {
      for (const name of [...VIDEO_FIELDS, ...OUTCOME_FIELDS]) dream[name] = known[name];
    }
    if (known?.analysis_status === "completed" && update.analysis_status === "pending") {
      for (const name of ANALYSIS_FIELDS) dream[name] = known[name];
    }
    if (known && dream.job_id === known.job_id) {
      for (const name of OUTCOME_FIELDS) dream[name] ??= known[name];
    } else if (known) {
      Object.assign(dream, NO_VIDEO_YET, pick(update, ...Object.keys(NO_VIDEO_YET)));
    }
    this.#set(dream);
  }

  /** Merges a VideoStatusResponse or a "video.updated" message. Fetches the dream if it is unknown. */
  async putVideo(video) {
    const dream = this.#dreams.get(video.dream_id);
    if (!dream) return this.refresh(video.dream_id);
    if (isOlder({ job_id: video.job_id, video_status: video.status }, dream)) return undefined;
    const same = dream.job_id === video.job_id;
    const becameFinal = isFinal(video.status) && !(same && isFinal(dream.video_status));
    const progress = same && !isFinal(video.status) ? Math.max(dream.progress ?? 0, video.progress ?? 0) : video.progress;
    this.#set({
      ...dream,
      ...(same ? {} : NO_VIDEO_YET),
      ...pick(video, ...VIDEO_FIELDS, ...OUTCOME_FIELDS, "duration"),
      job_id: video.job_id,
      video_status: video.status,
      progress: progress ?? 0,
    });
    // A message does not carry every field of a finished video.
    return becameFinal ? this.refresh(dream.id) : undefined;
  }

  /** Merges a "dream.analyzed" message. Fetches the dream if it is unknown. */
  async putAnalysis({ dream_id: id, title, category, template_used, confidence, video_prompt }) {
    if (!this.#dreams.has(id)) return this.refresh(id);
    return this.put({ id, analysis_status: "completed", title, category, template_used, confidence, video_prompt });
  }

  /** Deletes a dream and its video, through the API and in every tab. */
  async delete(id) {
    try {
      await this.#api.call("DELETE", `/dreams/${id}`);
    } catch (error) {
      if (error.status !== 404) throw error;
    }
    this.#remove(id);
    this.#channel.postMessage({ removed: id });
  }

  #set(dream) {
    this.#dreams.set(dream.id, dream);
    this.dispatchEvent(new CustomEvent("change", { detail: dream }));
  }

  #remove(id) {
    this.#removed.add(id);
    if (this.#dreams.delete(id)) this.dispatchEvent(new CustomEvent("remove", { detail: id }));
  }
}

/** Returns the named properties that are neither undefined nor null. */
const pick = (source, ...names) =>
  Object.fromEntries(names.filter((name) => source[name] !== undefined && source[name] !== null).map((name) => [name, source[name]]));
