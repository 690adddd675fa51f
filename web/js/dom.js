// DOM helpers. Text is always set as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** Sets the text of a message element and shows it; an empty text hides it. */
export function setMessage(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

export const setVisible = (element, visible) => {
  element.hidden = !visible;
};

/** Announces a sentence to screen readers, also when it is the same as the last one. */
export function announce(text) {
  const announcer = byId("announcer");
  announcer.textContent = "";
  requestAnimationFrame(() => {
    announcer.textContent = text;
  });
}

export const prefersReducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// The same width as in the style sheets.
const phone = matchMedia("(max-width: 34rem)");

export const isPhone = () => phone.matches;
export const onPhoneChange = (listener) => phone.addEventListener("change", listener);

const scrollBehavior = () => (prefersReducedMotion() ? "auto" : "smooth");

/** Scrolls to the top of an element unless all of it is visible, for example when it is below the form on a phone. */
export function scrollIntoViewIfNeeded(element) {
  const { top, bottom } = element.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  element.scrollIntoView({ behavior: scrollBehavior(), block: "start" });
}

/** Moves the focus to an element and scrolls it into view. */
export function moveFocusTo(element) {
  element.focus({ preventScroll: true });
  element.scrollIntoView({ behavior: scrollBehavior(), block: "nearest" });
}

/** Resolves after `ms` milliseconds, or at once when the signal is aborted. */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}
