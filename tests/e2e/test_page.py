"""The page in a real Chromium: signing in, creating a dream, watching it, the history, cancelling and deleting."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.e2e.browser import Browser
from tests.e2e.client import DREAM, ControlPlane, User
from tests.e2e.visitor import CATCH_SAVING, Visitor, check_page, visiting

# The render takes twelve seconds, so that there is progress to observe on a busy machine.
SLOWLY = f"{DREAM} [[runway:lasts:12]]"
FOR_EVER = f"{DREAM} [[runway:stuck]]"

WATCH_PROGRESS = """
window.sameDocument = true;
window.progressSeen = [];
const bar = document.getElementById("player-progress");
new MutationObserver(() => bar.hasAttribute("value") && window.progressSeen.push(bar.value))
  .observe(bar, { attributes: true });
"""
WATCH_CARDS = """
window.seen = [];
new MutationObserver(() => {
  const status = document.querySelector(".card-status")?.textContent;
  if (status?.endsWith("%") && window.seen.at(-1) !== status) window.seen.push(status);
}).observe(document.getElementById("cards"), { subtree: true, childList: true, characterData: true });
"""
# Before the page's own scripts run: what is stored while they run, a request of theirs may see first.
EXPIRE_AND_RECORD_REFRESHES = """
if (localStorage.getItem("expire")) {
  localStorage.removeItem("expire");
  const session = JSON.parse(localStorage.getItem("dreamvision.session"));
  localStorage.setItem("dreamvision.session", JSON.stringify({ ...session, expiresAt: Date.now() - 1000 }));
}
const real = window.fetch;
window.fetch = async (url, options) => {
  if (!String(url).endsWith("/auth/refresh")) return real(url, options);
  const sent = JSON.parse(localStorage.getItem("refreshes")) ?? [];
  sent.push(JSON.parse(options.body).refresh_token);
  localStorage.setItem("refreshes", JSON.stringify(sent));
  return real(url, options);
};
"""


@pytest.fixture
def visitor(browser: Browser, stack: dict[str, Any]) -> Iterator[Visitor]:
    with visiting(Visitor(browser, stack["page_url"])) as visitor:
        yield visitor


def test_a_dream_is_created_watched_and_deleted_in_two_tabs(visitor: Visitor, stack: dict[str, Any]) -> None:
    # GIVEN a new account, and a second tab, which is signed in as well
    name = visitor.register()
    assert visitor.text("header-username") == name
    assert "No dreams yet" in visitor.text("history-empty-text")
    visitor.wait("document.getElementById('connection-status').dataset.state === 'live'")
    first = visitor.driver.current_window_handle
    visitor.driver.switch_to.new_window("tab")
    visitor.driver.get(visitor.url)
    visitor.signed_in()
    second = visitor.driver.current_window_handle
    visitor.wait("document.getElementById('connection-status').dataset.state === 'live'")
    visitor.run(WATCH_CARDS)

    # WHEN a dream is created in the first THEN its progress rises without a reload
    visitor.driver.switch_to.window(first)
    visitor.run(WATCH_PROGRESS)
    visitor.tell(SLOWLY)
    visitor.phase("rendering")
    assert visitor.text("player-chips").startswith("Flight")
    visitor.phase("completed")
    assert visitor.run("return window.sameDocument") is True
    seen = visitor.run("return window.progressSeen")
    rising = list(dict.fromkeys(seen))
    assert len(rising) >= 3, seen
    assert rising == sorted(rising), seen
    visitor.wait("document.getElementById('announcer').textContent === 'Your video is ready.'")

    # AND the video plays automatically, muted
    visitor.wait("document.getElementById('player-video').currentTime > 0.2")
    before = visitor.run("return document.getElementById('player-video').currentTime")
    visitor.wait(f"document.getElementById('player-video').currentTime > {before} + 0.3")
    video = "const video = document.getElementById('player-video');"
    assert visitor.run(f"{video} return video.muted && video.videoWidth") == 1280

    # AND the history shows it, with its thumbnail, under its category
    assert visitor.text("history-total") == "1 dream"
    visitor.wait("document.querySelector('.card img.thumbnail')?.naturalWidth > 100")
    choose(visitor, "gothic")
    visitor.wait("document.getElementById('history-empty-text').textContent.includes('Gothic')")
    assert visitor.cards() == []
    choose(visitor, "flight")
    visitor.wait("document.querySelectorAll('.card-open').length === 1")

    # AND the second tab shows it by live updates: the progress changed more often than the tab polled
    visitor.driver.switch_to.window(second)
    visitor.wait("document.querySelector('.card[data-phase=completed] img.thumbnail')?.naturalWidth > 100")
    asked = visitor.run(
        "return performance.getEntriesByType('resource')"
        ".filter((entry) => entry.initiatorType === 'fetch' && /videos.[0-9a-f-]{36}$/.test(entry.name)).length"
    )
    assert len(visitor.run("return window.seen")) > asked

    # WHEN deleting is not confirmed THEN it stays; WHEN it is confirmed THEN it disappears from both tabs
    visitor.driver.find_element(By.CSS_SELECTOR, ".card-open").click()
    visitor.button("Delete dream").click()
    visitor.button("Cancel").click()
    assert len(visitor.cards()) == 1
    visitor.button("Delete dream").click()
    visitor.button("Delete").click()
    visitor.wait("document.querySelectorAll('.card-open').length === 0")
    visitor.driver.switch_to.window(first)
    visitor.wait("document.querySelectorAll('.card-open').length === 0")
    visitor.phase("empty")

    # AND signing out clears both tabs
    visitor.sign_out()
    for tab in (first, second):
        visitor.driver.switch_to.window(tab)
        visitor.wait("!document.getElementById('welcome').hidden")
        assert visitor.run("return localStorage.length") == 0
        assert "signed out" in visitor.text("auth-notice")

    # AND no other host was called, and the console is empty
    visitor.driver.switch_to.window(first)
    assert {urlsplit(url).hostname for url in visitor.browser.requested()} == {"127.0.0.1"}
    assert visitor.browser.complaints() == []


def test_a_video_is_cancelled_after_a_reload(visitor: Visitor, user: User) -> None:
    visitor.sign_in(user)
    visitor.tell(FOR_EVER)
    visitor.wait("!document.getElementById('player-cancel').hidden")
    # The tab stays signed in and shows the running video again.
    visitor.driver.refresh()
    visitor.signed_in()
    visitor.wait("!document.getElementById('player-cancel').hidden")
    assert visitor.text("player-text") == FOR_EVER
    visitor.button("Cancel video").click()
    visitor.phase("cancelled")
    assert visitor.text("player-status") == "The video was cancelled."
    assert visitor.driver.find_element(By.CSS_SELECTOR, ".card-status").text == "Cancelled"
    assert user.get("/videos").json()["videos"][0]["status"] == "cancelled"


def test_errors_are_explained(visitor: Visitor, user: User) -> None:
    # GIVEN empty fields WHEN the form is sent THEN the first field has the focus and an error
    visitor.button("Sign in").click()
    assert visitor.text("email-error") == "Please enter your email address."
    assert visitor.run("return document.activeElement.id") == "email"

    # A wrong password
    visitor.element("email").send_keys(user.email)
    visitor.element("password").send_keys("Wrong-Password-1", Keys.ENTER)
    visitor.wait("!document.getElementById('auth-error').hidden")
    assert visitor.text("auth-error").startswith("Sign-in failed.")

    # A password that the API rejects as weak
    visitor.button("Create an account").click()
    visitor.element("username").send_keys("newcomer")
    visitor.element("password").clear()
    visitor.element("password").send_keys("weak", Keys.ENTER)
    visitor.wait("document.getElementById('password').getAttribute('aria-invalid') === 'true'")
    assert "8" in visitor.text("password-error")

    # A dream that is too short, then one that is rejected
    visitor.button("Sign in instead").click()
    visitor.element("password").clear()
    visitor.element("email").clear()
    visitor.sign_in(user)
    visitor.tell("too short")
    assert "at least 10" in visitor.text("dream-error")
    assert visitor.run("return document.activeElement.id") == "dream-text"
    visitor.element("dream-text").clear()
    visitor.tell(f"{DREAM} [[claude:refusal]]")
    visitor.wait("!document.getElementById('dream-alert').hidden")
    assert visitor.text("dream-alert").startswith("This dream cannot be analyzed.")
    assert str(visitor.element("dream-text").get_property("value")).startswith("I was flying")

    # No network
    without_network = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    visitor.driver.execute_cdp_cmd("Network.emulateNetworkConditions", without_network)
    try:
        visitor.button("Create video").click()
        visitor.wait("document.getElementById('dream-alert').textContent.startsWith('No connection.')")
        assert visitor.text("connection-status") == "Offline"
    finally:
        visitor.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {**without_network, "offline": False})

    # Characters are counted as the API counts them: the maximum is accepted
    visitor.run("""
      const text = document.getElementById("dream-text");
      text.value = "  " + "🌙".repeat(2000) + "  ";
      text.dispatchEvent(new Event("input"));
    """)
    assert visitor.text("dream-counter") == "2,000 of 2,000 characters"
    visitor.button("Create video").click()
    visitor.wait("document.getElementById('dream-text').value === ''")
    assert visitor.text("dream-error") == visitor.text("dream-alert") == ""


def test_rate_limits_count_down_and_outages_are_explained(visitor: Visitor, user: User) -> None:
    visitor.sign_in(user)
    # Stubbed responses of a rate limit and of the gateway; the real ones have tests of their own.
    visitor.run("""
      const real = window.fetch;
      const answers = [
        [JSON.stringify({ title: "Too many requests", status: 429, detail: "Please wait." }),
         { status: 429, headers: { "Retry-After": "2" } }],
        ['{"message": "Bad Gateway"}', { status: 502 }],
      ];
      window.fetch = (url, options) => String(url).endsWith("/dreams/generate-video")
        ? Promise.resolve(new Response(...answers.shift())) : real(url, options);
    """)
    visitor.tell(DREAM)
    visitor.wait("document.getElementById('dream-submit').textContent.startsWith('Try again in ')")
    assert not visitor.element("dream-submit").is_enabled()
    assert visitor.text("dream-alert") == "Too many requests. Please wait."
    visitor.wait("document.getElementById('dream-submit').textContent === 'Create video'")
    visitor.button("Create video").click()
    visitor.wait("document.getElementById('dream-alert').textContent.startsWith('A service we depend on')")
    assert visitor.element("dream-submit").is_enabled()


def test_tokens_are_refreshed_until_the_session_ends(visitor: Visitor, user: User) -> None:
    script = visitor.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": EXPIRE_AND_RECORD_REFRESHES}
    )
    try:
        visitor.open()
        # GIVEN a tab whose access token has expired, twice: the second time with the token of the first refresh
        visitor.sign_in(user)
        for number in (1, 2):
            visitor.run("localStorage.setItem('expire', 'yes')")
            # WHEN the page is loaded, which sends several requests at once
            visitor.browser.open(visitor.url)
            visitor.signed_in()
            visitor.wait("!document.getElementById('history-empty').hidden")
            # THEN it has refreshed the tokens once, with a refresh token that it had not used before
            used = visitor.run("return JSON.parse(localStorage.getItem('refreshes'))")
            assert len(used) == len(set(used)) == number

        # WHEN the session is revoked elsewhere THEN the next request leads to the sign-in form, which explains it
        assert user.post("/auth/logout?scope=global").status_code in (200, 204)
        # The socket may have told the page already, which has then hidden the categories.
        chosen = "document.querySelector('input[name=category][value=chase]').click()"
        visitor.run(f"if (document.getElementById('welcome').hidden) {chosen}")
        visitor.wait("!document.getElementById('welcome').hidden")
        assert "Your session has ended" in visitor.text("auth-notice")
    finally:
        visitor.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
        visitor.run("localStorage.clear()")


def test_a_film_that_was_played_can_be_saved(visitor: Visitor, user: User) -> None:
    """The browser has cached what the player fetched, without the header that lets scripts read it."""
    user.wait_for_video(user.create_video(DREAM)["video_generation"]["job_id"])
    visitor.sign_in(user)
    visitor.wait("document.querySelectorAll('.card-open').length === 1")
    visitor.driver.find_element(By.CSS_SELECTOR, ".card-open").click()
    visitor.wait("document.getElementById('player-video').currentTime > 0.2")
    visitor.run(CATCH_SAVING)
    visitor.element("player-save").click()
    visitor.wait("window.saved")


def test_markup_in_a_dream_stays_text(visitor: Visitor, user: User) -> None:
    nasty = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script> & a dark forest'
    created = user.post("/dreams/analyze", {"dream_text": nasty})
    assert created.status_code == 200
    visitor.sign_in(user)
    visitor.wait("document.querySelectorAll('.card-open').length === 1")
    assert visitor.cards()[0].startswith("<img src=x onerror=")
    visitor.driver.find_element(By.CSS_SELECTOR, ".card-open").click()
    visitor.phase("no-video")
    assert visitor.text("player-text") == nasty
    assert visitor.run("return window.pwned") is None
    # AND a video of an analyzed dream can be created from here
    visitor.button("Turn into a video").click()
    visitor.wait("['starting', 'rendering', 'completed'].includes(document.getElementById('player').dataset.phase)")
    assert len(user.get("/videos").json()["videos"]) == 1


def test_more_dreams_are_loaded_on_demand(visitor: Visitor, user: User, control: ControlPlane) -> None:
    # GIVEN 14 dreams: one and its copies
    assert user.post("/dreams/analyze", {"dream_text": DREAM}).status_code == 200
    row = control.rows("dreams", user.id)[0]
    # The copies are old, so that live updates, which announce recent analyses, do not contain them.
    row.pop("analyzed_at", None)
    table = control.tables.Table(control.outputs["tables"]["dreams"])
    for number in range(13):
        table.put_item(
            Item={**row, "dream_id": earlier(row["dream_id"], number + 1), "dream_text": f"{DREAM} {number}"}
        )
    visitor.sign_in(user)
    visitor.wait("document.querySelectorAll('.card-open').length === 12")
    # WHEN the rest is requested THEN it is appended, and its first card has the focus
    visitor.button("Load more").click()
    visitor.wait("document.querySelectorAll('.card-open').length === 14")
    assert len(set(visitor.cards())) == 14
    assert visitor.run("return [...document.querySelectorAll('.card-open')].indexOf(document.activeElement)") == 12
    assert not visitor.element("history-more").is_displayed()


def test_the_page_is_accessible_and_usable_by_keyboard(visitor: Visitor, user: User) -> None:
    def press(*keys: str) -> None:
        for key in keys:
            visitor.driver.switch_to.active_element.send_keys(key)

    def focused() -> str:
        return str(visitor.run("return document.activeElement.id || document.activeElement.textContent.trim()"))

    check_page(visitor)
    visitor.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    assert focused() == "Skip to main content"
    order = []
    for _ in range(8):
        press(Keys.TAB)
        order.append(focused())
    assert order == [
        "DreamVision",
        "welcome-pause",
        "email",
        "password",
        "password-show",
        "auth-submit",
        "Create an account",
        "Forgot password?",
    ]

    visitor.sign_in(user)
    assert focused() == "dream-text"
    press(DREAM, Keys.TAB)
    assert focused() == "duration"
    press(Keys.ARROW_RIGHT)
    assert visitor.text("duration-value") == "6 seconds"
    press(Keys.TAB, Keys.ENTER)
    visitor.phase("completed")
    assert user.get("/videos").json()["videos"][0]["duration"] == 6
    check_page(visitor)
    visitor.run("document.getElementById('player-delete').focus()")
    press(Keys.ENTER)
    check_page(visitor)
    assert focused() == "Cancel"
    press(Keys.ENTER)
    assert focused() == "player-delete"


def choose(visitor: Visitor, category: str) -> None:
    visitor.driver.find_element(By.CSS_SELECTOR, f"input[name=category][value={category}]").click()


def earlier(identifier: str, steps: int) -> str:
    """Return a UUIDv7 that sorts before the given one."""
    return str(uuid.UUID(int=uuid.UUID(identifier).int - (steps << 80)))


def test_the_page_works_without_live_updates(visitor: Visitor, user: User, stack: dict[str, Any]) -> None:
    # GIVEN a page whose configuration names no WebSocket
    config = {"api_url": stack["api_url"], "websocket_url": None, "media_origins": []}
    source = f"""
      const real = window.fetch;
      window.fetch = (url, options) => url === "config.json"
        ? Promise.resolve(new Response({json.dumps(json.dumps(config))})) : real(url, options);
    """
    script = visitor.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})
    try:
        visitor.open()
        visitor.sign_in(user)
        assert visitor.text("connection-status") == "Auto-refresh"
        visitor.run(WATCH_PROGRESS)
        # WHEN a dream is created THEN polling shows its progress and its completion
        started = time.monotonic()
        visitor.tell(SLOWLY)
        visitor.phase("completed")
        assert len(set(visitor.run("return window.progressSeen"))) >= 2
        # AND it polled at most once a second
        asked = sum("/videos/" in url for url in visitor.browser.requested())
        assert asked / 2 <= time.monotonic() - started + 3  # every request has at most one preflight
    finally:
        visitor.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
