// Service worker: the page's own files, from the network, or without one from what was kept of them. Nothing of the API
// and no video is kept.

const CACHE = "page";
// A file that is missing here is kept as soon as it has been used; a test compares this list with the folder.
const FILES = [
  "./",
  "config.json",
  "app.js",
  "icon-192.png",
  "icon-512.png",
  "icon-maskable.png",
  "icon.svg",
  "manifest.webmanifest",
  "welcome.jpg",
  "css/base.css",
  "css/components.css",
  "css/forms.css",
  "css/history.css",
  "css/layout.css",
  "css/player.css",
  "css/sheets.css",
  "css/tokens.css",
  "js/account-sheet.js",
  "js/api-error.js",
  "js/api.js",
  "js/auth-form.js",
  "js/composer.js",
  "js/connection-status.js",
  "js/countdown.js",
  "js/delete-dialog.js",
  "js/dom.js",
  "js/dream-form.js",
  "js/dream-history.js",
  "js/dream-status.js",
  "js/dream-store.js",
  "js/film-actions.js",
  "js/film-again.js",
  "js/film-controls.js",
  "js/film-file.js",
  "js/format.js",
  "js/live-updates.js",
  "js/player.js",
  "js/quota.js",
  "js/router.js",
  "js/service-worker.js",
  "js/session.js",
  "js/video-poller.js",
  "js/video-requests.js",
  "js/welcome-film.js",
];
// A network that is there and does not answer is worse than none.
const PATIENCE_MS = 4_000;

addEventListener("install", (event) => event.waitUntil(keepFiles().then(() => self.skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
addEventListener("fetch", (event) => {
  const { method, url, headers } = event.request;
  // A part of the film is fetched with Range, which a cache cannot answer.
  if (method === "GET" && new URL(url).origin === location.origin && !headers.has("range")) event.respondWith(respond(event));
});

async function keepFiles() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
}

async function respond(event) {
  const cache = await caches.open(CACHE);
  const fetched = fetch(event.request).then(async (response) => {
    if (response.ok) await cache.put(event.request, response.clone());
    return response;
  });
  event.waitUntil(fetched.catch(() => {}));
  try {
    return await Promise.race([fetched, fail(PATIENCE_MS)]);
  } catch {
    return (await cache.match(event.request, { ignoreSearch: true })) ?? fetched;
  }
}

const fail = (ms) => new Promise((_, reject) => setTimeout(() => reject(new Error("no answer")), ms));
