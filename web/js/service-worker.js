// Registers the service worker, with which the page opens without a network.

/** Registers it if this browser has service workers. Browsers have them on https and on localhost only. */
export function registerServiceWorker() {
  if (!navigator.serviceWorker) return;
  navigator.serviceWorker.register(scriptAddress()).catch(() => {
    // The page works without it, for example with storage blocked.
  });
}

/** The address as Trusted Types demand it, where the browser has them: this policy makes no other one. */
function scriptAddress() {
  const address = "sw.js";
  if (!window.trustedTypes) return address;
  return trustedTypes.createPolicy("service-worker", { createScriptURL: () => address }).createScriptURL("");
}
