// Countdown on a button after a 429: the label shows the seconds until the next attempt, or its time if that is far.

import { resetText } from "./format.js";

const FALLBACK_SECONDS = 10;
const FAR_SECONDS = 120;
const running = new WeakMap();

export const isCountingDown = (button) => running.has(button);

/** Disables the button for `seconds` and counts down in its label; `label()` returns the label to restore. */
export function startCountdown(button, seconds, label) {
  clearInterval(running.get(button));
  const end = Date.now() + (seconds ?? FALLBACK_SECONDS) * 1000;
  button.disabled = true;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.textContent = left <= 0 ? label() : left < FAR_SECONDS ? `Try again in ${left} s` : `Again ${resetText(end)}`;
    if (left > 0) return;
    button.disabled = false;
    clearInterval(running.get(button));
    running.delete(button);
  };
  running.set(button, setInterval(tick, 250));
  tick();
}
