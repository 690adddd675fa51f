// Countdown on a button after a 429: the label shows the seconds until the next attempt, or its time if that is far.

import { resetText } from "./format.js";

const FALLBACK_SECONDS = 10;
const FAR_SECONDS = 120;
const running = new WeakMap();

export const isCountingDown = (button) => running.has(button);

/** Ends a countdown before its time, for example for another user. */
export const stopCountdown = (button) => running.get(button)?.restore();

/** Disables the button for `seconds` and counts down in its label; `label()` returns the label to restore. */
export function startCountdown(button, seconds, label) {
  clearInterval(running.get(button)?.timer);
  const restore = () => {
    clearInterval(running.get(button)?.timer);
    running.delete(button);
    button.disabled = false;
    button.textContent = label();
  };
  const end = Date.now() + (seconds ?? FALLBACK_SECONDS) * 1000;
  button.disabled = true;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) return restore();
    button.textContent = left < FAR_SECONDS ? `Try again in ${left} s` : `Again ${resetText(end)}`;
    return undefined;
  };
  running.set(button, { timer: setInterval(tick, 250), restore });
  tick();
}
