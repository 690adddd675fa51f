// Requests for another video of a dream. A request without an answer keeps its idempotency key: sending it again does not
// pay for a second video.

import { deviceRatio } from "./format.js";

const DEFAULT_SECONDS = 5;

/** Fires "created" after a request that was accepted. */
export class VideoRequests extends EventTarget {
  #api;
  #store;
  #unanswered = null;

  constructor(api, store) {
    super();
    this.#api = api;
    this.#store = store;
  }

  /** Returns what the dream's latest video was made from, or null if it has none. Throws ApiError. */
  async latest(dream) {
    return dream.job_id ? this.#api.get(`/videos/${dream.job_id}`) : null;
  }

  /** Requests the same again. */
  async repeat(dream) {
    const video = await this.latest(dream);
    return this.send(dream, { video_prompt: video?.video_prompt });
  }

  /** Requests a video; `changes` are fields of the request. Throws ApiError. */
  async send(dream, { video_prompt: prompt, ...changes } = {}) {
    const body = {
      dream_id: dream.id,
      duration: dream.duration ?? DEFAULT_SECONDS,
      aspect_ratio: dream.aspect_ratio ?? deviceRatio(),
      ...changes,
      ...(prompt && prompt !== dream.video_prompt ? { video_prompt: prompt } : {}),
    };
    // A finished video and a second one like it differ in the video that is the latest.
    const fingerprint = JSON.stringify([body, dream.job_id]);
    const key = this.#unanswered?.fingerprint === fingerprint ? this.#unanswered.key : crypto.randomUUID();
    this.#unanswered = { fingerprint, key };
    try {
      const { data } = await this.#api.call("POST", "/videos/generate", { body, headers: { "Idempotency-Key": key } });
      this.#unanswered = null;
      this.#store.put({ ...started(data), id: dream.id });
      this.dispatchEvent(new CustomEvent("created"));
    } catch (error) {
      if (error.status !== 0 && error.status !== 504) this.#unanswered = null;
      throw error;
    }
  }
}

const started = ({ job_id, status: video_status, aspect_ratio, estimated_completion_time }) => ({
  job_id,
  video_status,
  aspect_ratio,
  estimated_completion_time,
  video_url: null,
  thumbnail_url: null,
});
