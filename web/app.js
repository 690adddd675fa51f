// Entry point: creates the parts of the page and connects them.

import { Api } from "./js/api.js";
import { ApiError } from "./js/api-error.js";
import { AuthForm } from "./js/auth-form.js";
import { announce, byId, moveFocusTo, scrollIntoViewIfNeeded, setMessage, setVisible } from "./js/dom.js";
import { DreamForm } from "./js/dream-form.js";
import { DreamHistory } from "./js/dream-history.js";
import { DreamStore } from "./js/dream-store.js";
import { truncate } from "./js/format.js";
import { LiveUpdates } from "./js/live-updates.js";
import { Player } from "./js/player.js";
import { QuotaLine } from "./js/quota.js";
import { SessionEndedError } from "./js/session.js";
import { VideoPoller } from "./js/video-poller.js";

const SIGNED_OUT_NOTICES = {
  expired: "Your session has ended. Please sign in again.",
  "signed-out": "You are signed out.",
};

async function start() {
  const config = await loadConfig();
  const api = new Api(config.api_url);
  const { session } = api;
  const store = new DreamStore(api);
  const liveUpdates = new LiveUpdates(config.websocket_url, () => session.accessToken());
  const poller = new VideoPoller(api, store, liveUpdates);
  const authForm = new AuthForm(api);
  const dreamForm = new DreamForm(api);
  const player = new Player(api, store);
  const history = new DreamHistory(store);
  const quota = new QuotaLine(api, store);

  liveUpdates.addEventListener("message", ({ detail }) => handleMessage(detail, store));
  liveUpdates.addEventListener("state", () => {
    showConnectionStatus(config, liveUpdates);
    // Dreams created elsewhere while the connection was closed.
    if (liveUpdates.isOpen) store.loadPage().catch(ignoreApiError);
  });

  dreamForm.addEventListener("submitting", ({ detail: request }) => {
    player.showSubmitting(request);
    scrollIntoViewIfNeeded(byId("player"));
  });
  dreamForm.addEventListener("created", ({ detail: dream }) => {
    store.put(dream);
    player.open(dream.id);
    scrollIntoViewIfNeeded(byId("player"));
  });
  dreamForm.addEventListener("failed", () => {
    player.clear();
    // A dream is kept even if its analysis failed: it comes with the first page.
    if (session.user) store.loadPage().catch(() => {});
  });

  dreamForm.addEventListener("quota", ({ detail }) => quota.show(detail));
  player.addEventListener("created", () => quota.load());
  player.addEventListener("edit", ({ detail: text }) => dreamForm.fill(text));
  player.addEventListener("delete", ({ detail: dream }) => deleteDream(dream, store, history));
  history.addEventListener("open", ({ detail: id }) => player.open(id, { focus: true }));
  history.addEventListener("delete", ({ detail: dream }) => deleteDream(dream, store, history));

  session.addEventListener("opened", () => {
    authForm.reset();
    byId("header-username").textContent = session.user.username;
    showView(true);
    showConnectionStatus(config, liveUpdates);
    liveUpdates.start();
    poller.start();
    quota.load();
    history.load().then(() => player.resume());
    byId("dream-text").focus({ preventScroll: true });
  });
  session.addEventListener("closed", ({ detail: { reason } }) => {
    liveUpdates.stop();
    poller.stop();
    dreamForm.clear();
    player.clear();
    store.clear();
    byId("delete-dialog").close();
    authForm.reset(SIGNED_OUT_NOTICES[reason]);
    showView(false);
    byId("auth-title").focus();
  });
  for (const type of ["online", "offline"]) {
    addEventListener(type, () => {
      showConnectionStatus(config, liveUpdates);
      if (session.user && navigator.onLine && !byId("history-alert").hidden) history.load();
    });
  }
  byId("sign-out").addEventListener("click", () => signOut(api));

  addEventListener("unhandledrejection", (event) => {
    // The sign-in form is already open and shows the reason.
    if (event.reason instanceof SessionEndedError) event.preventDefault();
  });

  await session.restore();
  if (!session.user) showView(false);
}

async function loadConfig() {
  const response = await fetch("config.json", { cache: "no-cache" });
  if (!response.ok) throw new Error("config.json is missing");
  return response.json();
}

function showView(signedIn) {
  setVisible(byId("welcome"), !signedIn);
  setVisible(byId("dreams"), signedIn);
  setVisible(byId("header-user"), signedIn);
}

function handleMessage(message, store) {
  if (message.type === "video.updated") store.putVideo(message).catch(ignoreApiError);
  if (message.type === "dream.analyzed") store.putAnalysis(message).catch(ignoreApiError);
}

function ignoreApiError(error) {
  // The poller tries again in any case.
  if (!(error instanceof ApiError || error instanceof SessionEndedError)) throw error;
}

function showConnectionStatus(config, liveUpdates) {
  const element = byId("connection-status");
  const isLive = liveUpdates.isOpen && navigator.onLine;
  element.dataset.state = isLive ? "live" : "off";
  if (isLive) element.textContent = "Live";
  else if (!navigator.onLine) element.textContent = "Offline";
  else element.textContent = config.websocket_url ? "Connecting…" : "Auto-refresh";
}

async function signOut(api) {
  const button = byId("sign-out");
  button.disabled = true;
  try {
    await api.call("POST", "/auth/logout", { body: { refresh_token: api.session.refreshToken } });
  } catch (error) {
    // This browser is signed out in any case and drops the tokens.
    ignoreApiError(error);
  } finally {
    button.disabled = false;
    api.session.close("signed-out");
  }
}

async function deleteDream(dream, store, history) {
  const dialog = byId("delete-dialog");
  byId("delete-dialog-text").textContent =
    `“${truncate(dream.dream_text, 120)}” and its video will be deleted. This cannot be undone.`;
  dialog.showModal();
  if ((await dialogResult(dialog)) !== "delete") return;
  try {
    await store.delete(dream.id);
    announce("Dream deleted.");
    history.focus();
  } catch (error) {
    ignoreApiError(error);
    setMessage(byId("history-alert"), error.userMessage ?? "");
    moveFocusTo(byId("history-title"));
  }
}

/**
 * Resolves to the value of the button that closes an open dialog, or to "cancel" if it is closed in another way.
 *
 * A dialog's "close" event fires some time after it closed. On a busy machine the dialog may be open again by then: such a
 * late event belongs to the previous time and is ignored.
 */
function dialogResult(dialog) {
  return new Promise((resolve) => {
    const listeners = new AbortController();
    const finish = (result) => {
      listeners.abort();
      resolve(result);
    };
    const { signal } = listeners;
    dialog.addEventListener("submit", (event) => finish(event.submitter?.value), { signal });
    dialog.addEventListener("cancel", () => finish("cancel"), { signal });
    dialog.addEventListener("close", () => dialog.open || finish("cancel"), { signal });
  });
}

start().catch((error) => {
  setMessage(byId("startup-error"), "Something went wrong. Please reload the page.");
  throw error;
});
