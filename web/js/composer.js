// Where the form for a new dream is: beside the player, or on a phone that shows a dream, a bar that opens into a sheet.

import { byId, isPhone, onPhoneChange, setVisible } from "./dom.js";
import { truncate } from "./format.js";

export class Composer {
  #section = byId("composer");
  #player = byId("player");
  #isOpen = false;

  /** `player` fires "phase" when it shows something else. */
  constructor(player) {
    player.addEventListener("phase", () => this.#update());
    onPhoneChange(() => this.#update());
    byId("composer-open").addEventListener("click", () => this.open());
    byId("composer-close").addEventListener("click", () => this.close());
    this.#section.addEventListener("keydown", ({ key }) => key === "Escape" && this.close());
    byId("dream-text").addEventListener("input", () => this.#renderDraft());
    this.#update();
  }

  open() {
    this.#isOpen = true;
    this.#update();
    byId("dream-text").focus();
  }

  close() {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#update();
    if (this.#section.dataset.state === "bar") byId("composer-open").focus({ preventScroll: true });
  }

  #update() {
    const floats = isPhone() && this.#player.dataset.phase !== "empty";
    if (!floats) this.#isOpen = false;
    const state = floats ? (this.#isOpen ? "sheet" : "bar") : "inline";
    this.#section.dataset.state = state;
    document.body.dataset.composer = state;
    setVisible(byId("composer-open"), state === "bar");
    setVisible(byId("composer-close"), state === "sheet");
    setVisible(byId("dream-form"), state !== "bar");
    byId("composer-open").setAttribute("aria-expanded", String(this.#isOpen));
    this.#renderDraft();
  }

  #renderDraft() {
    byId("composer-draft").textContent = truncate(byId("dream-text").value.trim(), 40) || "Tell a dream";
  }
}
