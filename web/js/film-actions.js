// The buttons under a film: share, save, film again, try again, edit the dream, cancel, delete.

import { ApiError } from "./api-error.js";
import { announce, byId, moveFocusTo, setMessage, setVisible } from "./dom.js";
import { isRunning, needsAnotherText } from "./dream-status.js";
import { canShareFilms, filmFile, saveFile, shareFile } from "./film-file.js";

/** Fires "again" and "delete" (`detail`: a dream) and "edit" (`detail`: a text). */
export class FilmActions extends EventTarget {
  #api;
  #store;
  #requests;
  #dream = null;
  // The file of the film that was fetched last, by its job id.
  #file = { jobId: null, file: null };

  constructor(api, store, requests) {
    super();
    this.#api = api;
    this.#store = store;
    this.#requests = requests;
    this.#on("player-share", () => this.#share());
    this.#on("player-save", async () => saveFile(await this.#fetchFile()));
    this.#on("player-cancel", () => this.#cancel());
    this.#on("player-retry", () => this.#retry());
    this.#on("player-edit", () => this.#fire("edit", this.#dream.dream_text));
    this.#on("player-again", () => this.#fire("again", this.#dream));
    this.#on("player-delete", () => this.#fire("delete", this.#dream));
  }

  render(dream, phase) {
    if (dream?.id !== this.#dream?.id) setMessage(byId("player-alert"), "");
    this.#dream = dream;
    const hasId = Boolean(dream?.id);
    const hasFilm = phase === "completed" && Boolean(dream.video_url);
    const isAnalyzed = hasId && dream.analysis_status === "completed";
    setVisible(byId("player-share"), hasFilm && canShareFilms());
    setVisible(byId("player-save"), hasFilm);
    setVisible(byId("player-again"), isAnalyzed && !isRunning(dream) && phase !== "no-video");
    byId("player-again").lastChild.textContent = phase === "completed" ? "Film again" : "Edit the prompt";
    // What was refused for its content would be refused again.
    const needsText = hasId && phase === "failed" && needsAnotherText(dream);
    setVisible(byId("player-retry"), isAnalyzed && !needsText && ["failed", "cancelled", "no-video"].includes(phase));
    byId("player-retry").textContent = phase === "no-video" ? "Turn into a video" : "Try again";
    setVisible(byId("player-edit"), needsText);
    setVisible(byId("player-cancel"), hasId && isRunning(dream));
    setVisible(byId("player-delete"), hasId && !isRunning(dream));
  }

  async #share() {
    const outcome = await shareFile(await this.#fetchFile(), this.#dream.title ?? "A dream");
    if (outcome === "late") setMessage(byId("player-alert"), "The video is ready to share. Please tap Share again.");
  }

  async #fetchFile() {
    const dream = this.#dream;
    if (this.#file.jobId !== dream.job_id) this.#file = { jobId: dream.job_id, file: await this.#fetchFresh(dream) };
    return this.#file.file;
  }

  /** A link is valid for one to four hours: fetches a new one for a page that was open for longer. */
  async #fetchFresh(dream) {
    try {
      return await filmFile(dream);
    } catch (error) {
      if (error.status !== 403) throw error;
      return filmFile({ ...dream, video_url: (await this.#api.get(`/videos/${dream.job_id}`)).video_url });
    }
  }

  async #cancel() {
    const dream = this.#dream;
    try {
      const { data } = await this.#api.call("DELETE", `/videos/${dream.job_id}`);
      if (data) await this.#store.putVideo(data);
    } catch (error) {
      // The video finished in the meantime: show its result.
      if (error.status !== 409) throw error;
      await this.#store.putVideo(await this.#api.get(`/videos/${dream.job_id}`));
    }
    moveFocusTo(byId("player-title"));
  }

  async #retry() {
    await this.#requests.repeat(this.#dream);
    moveFocusTo(byId("player-title"));
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #on(id, action) {
    byId(id).addEventListener("click", async () => {
      byId(id).disabled = true;
      setMessage(byId("player-alert"), "");
      try {
        await action();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        setMessage(byId("player-alert"), error.userMessage);
        announce(error.userMessage);
      } finally {
        byId(id).disabled = false;
      }
    });
  }
}
