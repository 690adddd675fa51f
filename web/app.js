// Entry point: creates the parts of the page and connects them.

import { AccountSheet } from "./js/account-sheet.js";
import { Api } from "./js/api.js";
import { ApiError } from "./js/api-error.js";
import { AuthForm } from "./js/auth-form.js";
import { Composer } from "./js/composer.js";
import { showConnectionStatus } from "./js/connection-status.js";
import { confirmDeletion } from "./js/delete-dialog.js";
import { announce, byId, isPhone, moveFocusTo, scrollIntoViewIfNeeded, setMessage, setVisible } from "./js/dom.js";
import { DreamForm } from "./js/dream-form.js";
import { DreamHistory } from "./js/dream-history.js";
import { isFinal } from "./js/dream-status.js";
import { DreamStore } from "./js/dream-store.js";
import { FilmActions } from "./js/film-actions.js";
import { FilmAgain } from "./js/film-again.js";
import { FilmControls } from "./js/film-controls.js";
import { LiveUpdates } from "./js/live-updates.js";
import { Player } from "./js/player.js";
import { Quota } from "./js/quota.js";
import { dreamAddress, Router } from "./js/router.js";
import { registerServiceWorker } from "./js/service-worker.js";
import { SessionEndedError } from "./js/session.js";
import { VideoPoller } from "./js/video-poller.js";
import { VideoRequests } from "./js/video-requests.js";
import { WelcomeFilm } from "./js/welcome-film.js";

const SIGNED_OUT_NOTICES = {
  expired: "Your session has ended. Please sign in again.",
  "signed-out": "You are signed out.",
  "signed-out-everywhere": "You are signed out on all devices.",
  deleted: "Your account is closed. Everything in it is deleted within a few minutes.",
};
const DELETION_NOTICE = "Please sign in to delete your account, with all its dreams and videos.";

async function start() {
  const config = await loadConfig();
  const api = new Api(config.api_url);
  const { session } = api;
  const router = new Router();
  const store = new DreamStore(api);
  const quota = new Quota(api, store);
  const liveUpdates = new LiveUpdates(config.websocket_url, () => session.accessToken());
  const poller = new VideoPoller(api, store, liveUpdates);
  const requests = new VideoRequests(api, store);
  const authForm = new AuthForm(api);
  const dreamForm = new DreamForm(api, quota);
  const actions = new FilmActions(api, store, requests);
  const player = new Player(api, store, actions);
  const composer = new Composer(player);
  const filmAgain = new FilmAgain(requests);
  const account = new AccountSheet(api, quota);
  const history = new DreamHistory(store);
  new FilmControls();
  new WelcomeFilm();
  const showStatus = () => showConnectionStatus(Boolean(config.websocket_url), liveUpdates);

  liveUpdates.addEventListener("message", ({ detail }) => handleMessage(detail, store));
  liveUpdates.addEventListener("state", () => {
    showStatus();
    // Dreams created elsewhere while the connection was closed.
    if (liveUpdates.isOpen) store.loadPage().catch(ignoreApiError);
  });
  store.addEventListener("remove", ({ detail: id }) => router.route.id === id && router.go("#/", { replace: true }));

  dreamForm.addEventListener("submitting", ({ detail: request }) => player.showSubmitting(request));
  dreamForm.addEventListener("created", ({ detail: dream }) => {
    store.put(dream);
    composer.close();
    router.go(dreamAddress(dream.id));
    scrollIntoViewIfNeeded(byId("player"));
  });
  dreamForm.addEventListener("failed", () => {
    player.endSubmitting();
    // A dream is kept even if its analysis failed: it comes with the first page.
    if (session.user) store.loadPage().catch(() => {});
  });

  actions.addEventListener("edit", ({ detail: text }) => {
    composer.open();
    dreamForm.fill(text);
  });
  actions.addEventListener("again", ({ detail: dream }) => filmAgain.open(dream).catch((error) => player.showError(error)));
  actions.addEventListener("delete", ({ detail: dream }) => deleteDream(dream, store));
  filmAgain.addEventListener("requested", () => {
    moveFocusTo(byId("player-title"));
    scrollIntoViewIfNeeded(byId("player"));
  });
  requests.addEventListener("created", () => quota.load());
  account.addEventListener("closed", () => router.closeSheet());
  history.addEventListener("open", ({ detail: id }) => {
    player.focusNext();
    router.go(dreamAddress(id));
  });

  router.addEventListener("route", ({ detail: route }) => {
    if (session.user) showRoute(route, { player, account, store, router });
    else if (route.name === "delete-account") authForm.reset(DELETION_NOTICE);
  });
  session.addEventListener("renamed", () => showName(session.user));
  session.addEventListener("opened", () => {
    authForm.reset();
    showName(session.user);
    // Below the form, where a phone was scrolled to, there may be something else now.
    if (!byId("welcome").hidden) scrollTo(0, 0);
    showView(true);
    showStatus();
    liveUpdates.start();
    poller.start();
    quota.load();
    if (!isPhone()) byId("dream-text").focus({ preventScroll: true });
    if (router.route.name !== "home") router.notify();
    history.load().then(() => session.user && router.route.name !== "dream" && player.resume());
  });
  session.addEventListener("closed", ({ detail: { reason } }) => {
    liveUpdates.stop();
    poller.stop();
    dreamForm.clear();
    player.clear();
    store.clear();
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    if (reason !== "expired") router.go("#/", { replace: true });
    authForm.reset(SIGNED_OUT_NOTICES[reason]);
    showView(false);
    byId("auth-title").focus();
  });
  for (const type of ["online", "offline"]) {
    addEventListener(type, () => {
      showStatus();
      if (session.user && navigator.onLine && !byId("history-alert").hidden) history.load();
    });
  }
  addEventListener("unhandledrejection", (event) => {
    // The sign-in form is already open and shows the reason.
    if (event.reason instanceof SessionEndedError) event.preventDefault();
  });

  showStatus();
  session.restore();
  if (!session.user) {
    showView(false);
    router.notify();
  }
  registerServiceWorker();
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

function showName({ username }) {
  byId("header-username").textContent = username;
}

async function showRoute({ name, id }, { player, account, store, router }) {
  if (name === "account") return account.open();
  if (name === "delete-account") return account.open("delete");
  account.close();
  if (name === "home") return player.goHome();
  if (store.get(id)) return player.open(id);
  // An address from elsewhere, or of a dream that is further down in the history.
  try {
    await store.refresh(id);
  } catch (error) {
    return player.showError(error);
  }
  if (store.get(id)) return router.route.id === id && player.open(id);
  setMessage(byId("history-alert"), "This dream no longer exists.");
  if (router.route.id === id) router.go("#/", { replace: true });
  return undefined;
}

function handleMessage(message, store) {
  if (message.type === "video.updated") store.putVideo(message).catch(ignoreApiError);
  if (message.type === "dream.analyzed") store.putAnalysis(message).catch(ignoreApiError);
}

function ignoreApiError(error) {
  // The poller tries again in any case.
  if (!(error instanceof ApiError || error instanceof SessionEndedError)) throw error;
}

async function deleteDream(dream, store) {
  if (!(await confirmDeletion(dream))) return;
  try {
    await store.delete(dream.id);
    announce("Dream deleted.");
  } catch (error) {
    ignoreApiError(error);
    setMessage(byId("history-alert"), error.userMessage ?? "");
  }
  moveFocusTo(byId("history-title"));
}

start().catch((error) => {
  setMessage(byId("startup-error"), "Something went wrong. Please reload the page.");
  throw error;
});
