// DreamVision's page: puts the parts together.

import { Account } from "./js/account.js";
import { Api } from "./js/api.js";
import { Composer } from "./js/composer.js";
import { announce, bringIntoView, byId, goTo, say, show } from "./js/dom.js";
import { History } from "./js/history.js";
import { Library } from "./js/library.js";
import { Live } from "./js/live.js";
import { Problem } from "./js/problems.js";
import { SessionOverError } from "./js/session.js";
import { Stage } from "./js/stage.js";
import { Watcher } from "./js/watcher.js";
import { shortened } from "./js/words.js";

const CLOSED_WORDS = { expired: "Your session has ended. Please sign in again.", "signed-out": "You are signed out." };

async function start() {
  const config = await configuration();
  const api = new Api(config.api_url);
  const { session } = api;
  const library = new Library(api);
  const live = new Live(config.websocket_url, () => session.accessToken());
  const watcher = new Watcher(api, library, live);
  const account = new Account(api);
  const composer = new Composer(api);
  const stage = new Stage(api, library);
  const history = new History(library);

  live.addEventListener("message", ({ detail }) => hear(detail, library));
  live.addEventListener("state", () => {
    showLink(config, live);
    // Dreams that were told elsewhere while nobody listened.
    if (live.isOpen) library.page().catch(ignoreProblem);
  });

  composer.addEventListener("telling", ({ detail: text }) => {
    stage.telling(text);
    bringIntoView(byId("stage"));
  });
  composer.addEventListener("told", ({ detail: dream }) => {
    library.put(dream);
    stage.open(dream.id);
    bringIntoView(byId("stage"));
  });
  composer.addEventListener("refused", () => {
    stage.clear();
    // A dream whose analysis failed is kept: it comes with the first page.
    if (session.user) library.page().catch(() => {});
  });

  stage.addEventListener("retell", ({ detail: text }) => composer.fill(text));
  stage.addEventListener("delete", ({ detail: dream }) => remove(dream, library, history));
  history.addEventListener("open", ({ detail: id }) => stage.open(id, { focus: true }));
  history.addEventListener("delete", ({ detail: dream }) => remove(dream, library, history));

  session.addEventListener("opened", () => {
    account.reset();
    byId("user-name").textContent = session.user.username;
    arrange(true);
    showLink(config, live);
    live.start();
    watcher.start();
    history.load().then(() => stage.resume());
    byId("dream-text").focus({ preventScroll: true });
  });
  session.addEventListener("closed", ({ detail: { reason } }) => {
    live.stop();
    watcher.stop();
    composer.clear();
    stage.clear();
    library.clear();
    byId("confirm").close();
    account.reset(CLOSED_WORDS[reason]);
    arrange(false);
    byId("account-title").focus();
  });
  for (const type of ["online", "offline"]) {
    addEventListener(type, () => {
      showLink(config, live);
      if (session.user && navigator.onLine && !byId("history-alert").hidden) history.load();
    });
  }
  byId("sign-out").addEventListener("click", () => signOut(api));

  addEventListener("unhandledrejection", (event) => {
    // The page is at the sign-in form by now, which says why.
    if (event.reason instanceof SessionOverError) event.preventDefault();
  });

  await session.restore();
  if (!session.user) arrange(false);
}

async function configuration() {
  const response = await fetch("config.json", { cache: "no-cache" });
  if (!response.ok) throw new Error("config.json is missing");
  return response.json();
}

function arrange(signedIn) {
  show(byId("welcome"), !signedIn);
  show(byId("dreaming"), signedIn);
  show(byId("top-user"), signedIn);
}

function hear(message, library) {
  if (message.type === "video.updated") library.putVideo(message).catch(ignoreProblem);
  if (message.type === "dream.analyzed") library.putAnalysis(message).catch(ignoreProblem);
}

function ignoreProblem(problem) {
  // The watcher asks again anyway.
  if (!(problem instanceof Problem || problem instanceof SessionOverError)) throw problem;
}

function showLink(config, live) {
  const element = byId("link-state");
  const isLive = live.isOpen && navigator.onLine;
  element.dataset.state = isLive ? "live" : "off";
  if (isLive) element.textContent = "Live";
  else if (!navigator.onLine) element.textContent = "Offline";
  else element.textContent = config.websocket_url ? "Connecting …" : "Checking now and then";
}

async function signOut(api) {
  const button = byId("sign-out");
  button.disabled = true;
  try {
    await api.call("POST", "/auth/logout");
  } catch (problem) {
    // Signed out here in any case; the tokens are forgotten.
    ignoreProblem(problem);
  } finally {
    button.disabled = false;
    api.session.close("signed-out");
  }
}

async function remove(dream, library, history) {
  const dialog = byId("confirm");
  byId("confirm-words").textContent = `“${shortened(dream.dream_text, 120)}” and its film will be gone, and cannot be brought back.`;
  dialog.showModal();
  if ((await answerOf(dialog)) !== "delete") return;
  try {
    await library.delete(dream.id);
    announce("The dream is deleted.");
    history.focus();
  } catch (problem) {
    ignoreProblem(problem);
    say(byId("history-alert"), problem.words ?? "");
    goTo(byId("history-title"));
  }
}

/**
 * The value of the button that closes an open dialog, "keep" when it is closed in another way.
 *
 * A dialog's "close" event comes a while after its closing, on a busy machine after it was opened once more: such a late
 * one is not about this time.
 */
function answerOf(dialog) {
  return new Promise((resolve) => {
    const given = new AbortController();
    const give = (answer) => {
      given.abort();
      resolve(answer);
    };
    const { signal } = given;
    dialog.addEventListener("submit", (event) => give(event.submitter?.value), { signal });
    dialog.addEventListener("cancel", () => give("keep"), { signal });
    dialog.addEventListener("close", () => dialog.open || give("keep"), { signal });
  });
}

start().catch((error) => {
  say(byId("fatal"), "The page could not be started. Please load it again.");
  throw error;
});
