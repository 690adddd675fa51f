// The film of the welcome page: plays while it is in view, unless its visitor paused it or wants no motion.

import { byId, prefersReducedMotion } from "./dom.js";

export class WelcomeFilm {
  #video = byId("welcome-video");
  #button = byId("welcome-pause");
  #isWanted = !prefersReducedMotion();
  #isInView = false;

  constructor() {
    this.#button.addEventListener("click", () => {
      this.#isWanted = this.#video.paused;
      this.#update();
    });
    for (const type of ["play", "pause"]) this.#video.addEventListener(type, () => this.#render());
    // Hidden after the sign-in: out of view as well.
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.#isInView = isIntersecting;
      this.#update();
    }).observe(this.#video);
    this.#render();
  }

  #update() {
    // The browser may block it: then the picture stays, and the button starts the film.
    if (this.#isWanted && this.#isInView) this.#video.play().catch(() => {});
    else this.#video.pause();
  }

  #render() {
    this.#button.setAttribute("aria-pressed", String(this.#video.paused));
    this.#button.setAttribute("aria-label", this.#video.paused ? "Play the film" : "Pause the film");
  }
}
