// The dialog for another video of a dream: its prompt to edit, its shape, and whether to stay close to the last one.

import { ApiError, fieldErrors } from "./api-error.js";
import { byId, setMessage, setVisible } from "./dom.js";
import { isRefused } from "./dream-status.js";

const HINT = "Change what you see, then film the dream once more. The video counts as another one of today.";
const REFUSED_HINT = "This scene was not allowed by the content rules. Describe it differently, then film it again.";

/** Fires "requested" (`detail`: the dream's id). */
export class FilmAgain extends EventTarget {
  #requests;
  #dialog = byId("again-dialog");
  #form = byId("again-form");
  #dream = null;
  #video = null;

  constructor(requests) {
    super();
    this.#requests = requests;
    byId("again-cancel").addEventListener("click", () => this.#dialog.close());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** Opens the dialog for an analyzed dream. Throws ApiError. */
  async open(dream) {
    this.#video = await this.#requests.latest(dream);
    this.#dream = dream;
    byId("again-prompt").value = this.#video?.video_prompt ?? dream.video_prompt ?? "";
    byId("again-hint").textContent = isRefused(dream) ? REFUSED_HINT : HINT;
    byId("again-seed").checked = false;
    setVisible(byId("again-seed-field"), Number.isInteger(this.#video?.seed) && !isRefused(dream));
    this.#form.elements.again_ratio.value = dream.aspect_ratio ?? "16:9";
    this.#showErrors("", "");
    this.#dialog.showModal();
    byId("again-prompt").focus();
    byId("again-prompt").setSelectionRange(0, 0);
    byId("again-prompt").scrollTop = 0;
  }

  async #submit() {
    const button = byId("again-submit");
    if (button.disabled) return;
    const prompt = byId("again-prompt").value.trim();
    if (isRefused(this.#dream) && prompt === this.#video?.video_prompt) {
      return this.#showErrors("Please change the prompt: this one would be refused again.", "");
    }
    this.#showErrors("", "");
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    try {
      await this.#requests.send(this.#dream, {
        video_prompt: prompt,
        aspect_ratio: this.#form.elements.again_ratio.value,
        ...(byId("again-seed").checked ? { seed: this.#video.seed } : {}),
      });
      this.#dialog.close();
      this.dispatchEvent(new CustomEvent("requested", { detail: this.#dream.id }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const { video_prompt: text } = fieldErrors(error);
      this.#showErrors(text ?? "", text ? "" : error.userMessage);
    } finally {
      button.disabled = false;
      button.removeAttribute("aria-busy");
    }
    return undefined;
  }

  #showErrors(field, general) {
    byId("again-error").textContent = field;
    byId("again-prompt").setAttribute("aria-invalid", String(Boolean(field)));
    setMessage(byId("again-alert"), general);
    if (field) byId("again-prompt").focus();
  }
}
