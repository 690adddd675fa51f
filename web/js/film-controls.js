// Controls of the film on a phone: a tap on it turns the sound on, buttons pause it and fill the screen. Elsewhere the
// browser's own controls are there.

import { byId, isPhone, onPhoneChange, setVisible } from "./dom.js";

export class FilmControls {
  #video = byId("player-video");
  #pause = byId("film-pause");
  #sound = byId("film-sound");

  constructor() {
    this.#video.addEventListener("click", () => isPhone() && this.#toggleSound());
    this.#sound.addEventListener("click", () => this.#toggleSound());
    this.#pause.addEventListener("click", () => (this.#video.paused ? this.#video.play().catch(() => {}) : this.#video.pause()));
    byId("film-screen").addEventListener("click", () => this.#fillScreen());
    for (const type of ["play", "pause", "volumechange"]) this.#video.addEventListener(type, () => this.#render());
    document.addEventListener("fullscreenchange", () => this.#render());
    onPhoneChange(() => this.#render());
    new MutationObserver(() => this.#render()).observe(this.#video, { attributes: true, attributeFilter: ["hidden"] });
    this.#render();
  }

  #toggleSound() {
    this.#video.muted = !this.#video.muted;
    // A browser that allowed only silent videos to play pauses one that becomes audible.
    if (!this.#video.muted && this.#video.paused) this.#video.play().catch(() => {});
  }

  #fillScreen() {
    // Safari on an iPhone has full screen for videos only.
    if (this.#video.requestFullscreen) this.#video.requestFullscreen().catch(() => {});
    else this.#video.webkitEnterFullscreen?.();
  }

  #render() {
    // In full screen only the browser's controls are there.
    this.#video.controls = !isPhone() || document.fullscreenElement === this.#video;
    setVisible(byId("film-controls"), isPhone() && !this.#video.hidden);
    this.#pause.setAttribute("aria-pressed", String(this.#video.paused));
    this.#pause.setAttribute("aria-label", this.#video.paused ? "Play" : "Pause");
    this.#sound.setAttribute("aria-pressed", String(!this.#video.muted));
    byId("film-sound-text").textContent = this.#video.muted ? "Tap for sound" : "Sound on";
  }
}
