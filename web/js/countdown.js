// After "too many requests": the button says how long it takes until it works again.

const FALLBACK_SECONDS = 10;
const running = new WeakMap();

export const isCountingDown = (button) => running.has(button);

/** Disables the button for `seconds`, counting down in its label; `label()` is what it says afterwards. */
export function startCountdown(button, seconds, label) {
  clearInterval(running.get(button));
  const end = Date.now() + (seconds ?? FALLBACK_SECONDS) * 1000;
  button.disabled = true;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.textContent = left > 0 ? `Again in ${left} s` : label();
    if (left > 0) return;
    button.disabled = false;
    clearInterval(running.get(button));
    running.delete(button);
  };
  running.set(button, setInterval(tick, 250));
  tick();
}
