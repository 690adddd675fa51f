// The dreams that this page knows, and every way in which they change: answers, live messages, other tabs.
// A video's status only moves forward, so that an old answer which comes late never overwrites a newer one.

const RANK = { pending: 0, processing: 1, completed: 2, failed: 2, cancelled: 2 };
const PAGE_SIZE = 12;

export const isFinal = (status) => RANK[status] === 2;
export const isRunning = (dream) => Boolean(dream.job_id) && !isFinal(dream.video_status);

/** Fires "change" (`detail`: the dream), "remove" (`detail`: its id) and "clear". */
export class Library extends EventTarget {
  #api;
  #dreams = new Map();
  #fetching = new Map();
  #removed = new Set();
  #channel = new BroadcastChannel("dreamvision.library");

  constructor(api) {
    super();
    this.#api = api;
    // The API has no event for a deletion; tabs of this browser tell each other.
    this.#channel.addEventListener("message", ({ data }) => this.#drop(data.removed));
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

  /** One page of the history: `{ids, total, cursor}`. */
  async page({ category = "", cursor = "", signal } = {}) {
    const query = new URLSearchParams({ limit: PAGE_SIZE });
    if (category) query.set("category", category);
    if (cursor) query.set("cursor", cursor);
    const answer = await this.#api.get(`/dreams?${query}`, { signal });
    const dreams = answer.dreams.filter((dream) => !this.#removed.has(dream.id));
    dreams.forEach((dream) => this.put(dream));
    return { ids: dreams.map((dream) => dream.id), total: answer.total, cursor: answer.next_cursor ?? "" };
  }

  /** Asks for a dream again. A dream that is gone is removed. */
  refresh(id) {
    if (!this.#fetching.has(id)) {
      const fetching = this.#api
        .get(`/dreams/${id}`)
        .then((dream) => this.put(dream))
        .catch((problem) => {
          if (problem.status !== 404) throw problem;
          this.#drop(id);
        })
        .finally(() => this.#fetching.delete(id));
      this.#fetching.set(id, fetching);
    }
    return this.#fetching.get(id);
  }

  /** Takes in what is known of a dream: a DreamDetail of the API, or a part of one. */
  put(news) {
    if (this.#removed.has(news.id)) return;
    const known = this.#dreams.get(news.id);
    const dream = { ...known, ...news };
    if (known && isOlder(news, known)) {
      for (const name of ["job_id", "video_status", "video_url", "thumbnail_url", "preview_url"]) dream[name] = known[name];
    }
    if (known?.analysis_status === "completed" && news.analysis_status === "pending") {
      for (const name of ["analysis_status", "category", "video_prompt", "template_used"]) dream[name] = known[name];
    }
    if (known && dream.job_id !== known.job_id) {
      Object.assign(dream, { progress: 0, error_message: null, queued_since: null, ...pick(news, "progress") });
    }
    this.#set(dream);
  }

  /** Takes in a VideoStatusResponse or a "video.updated" message. An unknown dream is fetched. */
  async putVideo(video) {
    const dream = this.#dreams.get(video.dream_id);
    if (!dream) return this.refresh(video.dream_id);
    if (isOlder({ job_id: video.job_id, video_status: video.status }, dream)) return undefined;
    const same = dream.job_id === video.job_id;
    const becameFinal = isFinal(video.status) && !(same && isFinal(dream.video_status));
    const progress = same && !isFinal(video.status) ? Math.max(dream.progress ?? 0, video.progress ?? 0) : video.progress;
    this.#set({
      ...dream,
      ...pick(video, "video_url", "thumbnail_url", "preview_url", "error_message", "queued_since", "duration"),
      job_id: video.job_id,
      video_status: video.status,
      progress: progress ?? 0,
    });
    // A message has not all that there is to know of a film that is finished.
    return becameFinal ? this.refresh(dream.id) : undefined;
  }

  /** Takes in a "dream.analyzed" message. An unknown dream is fetched. */
  async putAnalysis({ dream_id: id, category, template_used, confidence, video_prompt }) {
    if (!this.#dreams.has(id)) return this.refresh(id);
    return this.put({ id, analysis_status: "completed", category, template_used, confidence, video_prompt });
  }

  /** Removes a dream with its film, here and at the API. */
  async delete(id) {
    try {
      await this.#api.call("DELETE", `/dreams/${id}`);
    } catch (problem) {
      if (problem.status !== 404) throw problem;
    }
    this.#drop(id);
    this.#channel.postMessage({ removed: id });
  }

  #set(dream) {
    this.#dreams.set(dream.id, dream);
    this.dispatchEvent(new CustomEvent("change", { detail: dream }));
  }

  #drop(id) {
    this.#removed.add(id);
    if (this.#dreams.delete(id)) this.dispatchEvent(new CustomEvent("remove", { detail: id }));
  }
}

/** Whether the news tell of an earlier film, or of an earlier moment of the same one. Job ids sort by time. */
function isOlder(news, known) {
  if (!known.job_id || !("job_id" in news)) return false;
  if (!news.job_id || news.job_id < known.job_id) return true;
  if (news.job_id > known.job_id || news.video_status === known.video_status) return false;
  return isFinal(known.video_status) || (RANK[news.video_status] ?? 0) < (RANK[known.video_status] ?? 0);
}

const pick = (source, ...names) =>
  Object.fromEntries(names.filter((name) => source[name] !== undefined && source[name] !== null).map((name) => [name, source[name]]));
