// The state of the connection, in the header and, without a network, in a sentence below it.

import { byId, setVisible } from "./dom.js";

/** `isConfigured` is whether there are live updates at all. */
export function showConnectionStatus(isConfigured, liveUpdates) {
  const element = byId("connection-status");
  const isLive = liveUpdates.isOpen && navigator.onLine;
  element.dataset.state = isLive ? "live" : "off";
  if (isLive) element.textContent = "Live";
  else if (!navigator.onLine) element.textContent = "Offline";
  else element.textContent = isConfigured ? "Connecting…" : "Auto-refresh";
  setVisible(byId("offline"), !navigator.onLine);
}
