// Small helpers around the document. Text goes in as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** Shows or hides an alert: `text` in a `role="alert"` element, "" hides it. */
export function say(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

export const show = (element, visible) => {
  element.hidden = !visible;
};

/** Speaks a sentence to screen readers. The same sentence twice in a row is spoken twice. */
export function announce(text) {
  const announcer = byId("announcer");
  announcer.textContent = "";
  requestAnimationFrame(() => {
    announcer.textContent = text;
  });
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Scrolls where something has to be seen and is not: to its top where it is below the form, on a phone. */
export function bringIntoView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  if (top >= 0 && bottom <= innerHeight) return;
  element.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "start" });
}

/** Brings an element into view and moves the focus to it. */
export function goTo(element) {
  element.focus({ preventScroll: true });
  element.scrollIntoView({ behavior: calm() ? "auto" : "smooth", block: "nearest" });
}

/** Resolves after `ms`, or at once when the signal is aborted. */
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
