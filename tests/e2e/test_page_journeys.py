"""The page's journeys on a phone and at a desk, with axe in every state."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import av
import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from dreamvision.core.clock import utc_now
from tests.conftest import REPOSITORY
from tests.e2e.browser import Browser
from tests.e2e.client import DREAM, PASSWORD, ControlPlane, User, register
from tests.e2e.visitor import CATCH_SAVING, Visitor, resize, visiting
from tests.node_packages import installed

SIZES = {"phone": (390, 844), "desk": (1280, 800)}
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
LONG_DREAM = f"{DREAM}, " * 8
PROMPT = (
    "POV slow walk along a moonlit beach, black sand underfoot, silver waves roll in from the left, "
    "soft mist ahead, a distant lighthouse blinks, quiet wonder, one continuous shot."
)
AXE = """
const done = arguments[arguments.length - 1];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
  done(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`)));
"""
# Records what is saved, and stands in for the device's dialog, which a headless browser does not have.
CATCH_FILES = """
window.files = [];
const create = URL.createObjectURL;
URL.createObjectURL = (file) => { window.files.push(file); return create(file); };
navigator.canShare = () => true;
navigator.share = async ({ files, title }) => { window.shared = [files[0].name, title]; };
"""
FILE = """
const done = arguments[arguments.length - 1];
const reader = new FileReader();
reader.onload = () => done(reader.result.split(",")[1]);
reader.readAsDataURL(window.files[0]);
"""

LATE_LIST = """
const real = window.fetch;
window.fetch = async (url, options) => {
  const response = await real(url, options);
  if (!String(url).includes("/dreams?")) return response;
  const page = await response.json();
  for (const dream of page.dreams) dream.queued_since = null;
  window.cameLate = true;
  return Response.json(page);
};
"""


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    return (installed(REPOSITORY / "tests" / "page") / "node_modules" / "axe-core" / "axe.min.js").read_text()


@dataclass(frozen=True)
class Teller:
    """A user with a film and a dream whose film was refused."""

    user: User
    film: str
    refused: str


@pytest.fixture(scope="session")
def teller(http: httpx.Client) -> Teller:
    """One for all tests of a worker: films take their time."""
    user = register(http)
    told = [user.create_video(text) for text in (LONG_DREAM, f"{DREAM} [[runway:safety]]")]
    for each in told:
        user.wait_for_video(each["video_generation"]["job_id"])
    film, refused = (each["dream_analysis"]["dream_id"] for each in told)
    return Teller(user, film, refused)


class Guest(Visitor):
    """A visitor with a screen of one of the sizes, who looks at every state with axe."""

    def __init__(self, browser: Browser, url: str, size: str, axe: str) -> None:
        super().__init__(browser, url)
        self.is_phone = size == "phone"
        self._size = SIZES[size]
        self._axe = axe
        self._script: dict[str, Any] = {}

    def __enter__(self) -> Self:
        """Give the window its size, and catch what it saves and shares."""
        self.resize(*self._size)
        self._script = self._command("Page.addScriptToEvaluateOnNewDocument", {"source": CATCH_SAVING + CATCH_FILES})
        return self

    def __exit__(self, *_: object) -> None:
        self.offline(off=False)
        self._command("Page.removeScriptToEvaluateOnNewDocument", self._script)
        self._command("Emulation.clearDeviceMetricsOverride", {})

    def resize(self, width: int, height: int) -> None:
        resize(self.driver, width, height, is_phone=self.is_phone)

    def look(self) -> None:
        """Check the state that is shown: no violations, nothing wider than the screen."""
        if not self.run("return 'axe' in window"):
            self.run(self._axe)
        assert self.driver.execute_async_script(AXE) == []
        assert self.run("return document.documentElement.scrollWidth <= innerWidth")

    def leave_and_come_back(self) -> None:
        """Close the page's only tab, and open the page in a new one."""
        (first,) = self.driver.window_handles
        self.driver.switch_to.new_window("tab")
        second = self.driver.current_window_handle
        self.driver.switch_to.window(first)
        self.driver.close()
        self.driver.switch_to.window(second)
        self.__enter__()
        self.driver.get(self.url)

    def go(self, address: str) -> None:
        self.run(f"location.hash = {json.dumps(address)}")

    def address(self) -> str:
        return str(self.run("return location.hash"))

    def is_open(self, dialog: str) -> None:
        self.wait(f"document.getElementById('{dialog}').open")

    def write(self, identifier: str, text: str) -> None:
        self.element(identifier).clear()
        self.element(identifier).send_keys(text)

    def offline(self, off: bool) -> None:
        self._command("Network.emulateNetworkConditions", {**OFFLINE, "offline": off})

    def _command(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.driver.execute_cdp_cmd(name, arguments)
        return found


@pytest.fixture(params=SIZES)
def guest(request: pytest.FixtureRequest, browser: Browser, stack: dict[str, Any], axe: str) -> Iterator[Guest]:
    with Guest(browser, stack["page_url"], request.param, axe) as guest, visiting(guest):
        yield guest


def test_a_first_film_is_told_left_found_saved_and_filmed_again(guest: Guest) -> None:
    # GIVEN the welcome page with its film WHEN somebody registers and tells a dream
    guest.wait("document.getElementById('welcome-video').currentTime > 0.1")
    guest.look()
    guest.button("Create an account").click()
    guest.look()
    guest.button("Sign in instead").click()
    guest.register()
    guest.look()
    if guest.is_phone:
        # The shape follows the phone when it is turned.
        shape = "document.querySelector('[name=aspect_ratio]:checked').value"
        guest.resize(844, 390)
        guest.wait(f"{shape} === '16:9'")
        guest.resize(*SIZES["phone"])
        guest.wait(f"{shape} === '9:16'")
    guest.tell(f"{DREAM} [[runway:lasts:3]]")
    guest.phase("rendering")
    guest.look()
    assert guest.address().startswith("#/dream/")

    # AND leaves THEN who comes back is signed in, and sees the film in the shape of the screen
    guest.leave_and_come_back()
    guest.signed_in()
    guest.phase("completed")
    guest.wait("document.getElementById('player-video').videoWidth")
    width, height = guest.run("const v = document.getElementById('player-video'); return [v.videoWidth, v.videoHeight]")
    assert (width < height) is guest.is_phone
    guest.look()
    if guest.is_phone:
        assert guest.run("return document.querySelector('.player-frame').getBoundingClientRect().width") == 390
        assert guest.run("return document.getElementById('composer').dataset.state") == "bar"
        guest.element("film-sound").click()
        assert guest.run("return document.getElementById('player-video').muted") is False

    # AND can save and share it, as a file with the title as its name
    guest.run("document.getElementById('player-save').focus()")
    if guest.is_phone:
        # The bar does not cover what has the focus.
        bottom = guest.run("return document.getElementById('player-save').getBoundingClientRect().bottom")
        assert bottom <= guest.run("return document.getElementById('composer').getBoundingClientRect().top")
    title = guest.text("player-title")
    guest.element("player-save").click()
    guest.wait("window.saved")
    assert guest.run("return window.saved") == f"{title}.mp4"
    with av.open(io.BytesIO(base64.b64decode(guest.driver.execute_async_script(FILE))), "r") as film:
        assert film.streams.video[0].width == width
    guest.element("player-share").click()
    guest.wait("window.shared")
    assert guest.run("return window.shared") == [f"{title}.mp4", title]

    # WHEN the dream is filmed again with a prompt that breaks a rule THEN the field says so
    guest.element("player-again").click()
    guest.is_open("again-dialog")
    guest.look()
    guest.write("again-prompt", PROMPT.replace("POV", "Camera"))
    guest.element("again-submit").click()
    guest.wait("document.getElementById('again-error').textContent")
    assert "POV" in guest.text("again-error")
    # AND with a valid one THEN the next film is made from it
    guest.write("again-prompt", PROMPT)
    guest.element("again-submit").click()
    guest.wait("!document.getElementById('again-dialog').open")
    guest.wait("document.getElementById('player').dataset.phase !== 'completed'")
    guest.phase("completed")
    guest.wait(f"document.getElementById('player-prompt').textContent === {json.dumps(PROMPT)}")


def test_what_is_shown_stays_when_a_telling_fails(guest: Guest, teller: Teller) -> None:
    # GIVEN a film of a long dream, whose text is shown in part, then as a whole
    guest.sign_in(teller.user)
    guest.go(f"#/dream/{teller.film}")
    guest.phase("completed")
    guest.wait("document.getElementById('player-video').readyState > 2")
    source = guest.run("return document.getElementById('player-video').src")
    height = "return document.getElementById('player-text').clientHeight"
    part = guest.run(height)
    guest.element("player-more").click()
    assert guest.run(height) > part
    columns = guest.run(
        "return getComputedStyle(document.getElementById('cards')).gridTemplateColumns.split(' ').length"
    )
    assert (columns == 2) is guest.is_phone

    # WHEN a dream is refused THEN the film stays, and the text
    guest.tell("I was told something that nobody may film [[claude:refusal]]")
    guest.wait("!document.getElementById('dream-alert').hidden")
    assert guest.text("dream-alert").startswith("This dream cannot be analyzed.")
    guest.look()
    assert guest.run("return document.getElementById('player-video').src") == source

    # AND without a network, which the page says in words
    guest.offline(off=True)
    guest.wait("!document.getElementById('offline').hidden")
    assert "You are offline" in guest.text("offline")
    guest.element("dream-submit").click()
    guest.wait("document.getElementById('dream-alert').textContent.startsWith('No connection.')")
    guest.look()
    assert guest.run("return document.getElementById('player').dataset.phase") == "completed"
    assert guest.run("return document.getElementById('player-video').src") == source
    assert "nobody may film" in str(guest.element("dream-text").get_property("value"))

    # AND the page itself opens without a network
    guest.driver.refresh()
    guest.signed_in()
    assert "You are offline" in guest.text("offline")
    guest.offline(off=False)
    guest.wait("document.getElementById('offline').hidden")


def test_a_moderated_film_is_reworded_and_a_queue_looks_like_waiting(guest: Guest, teller: Teller) -> None:
    # GIVEN a video that the provider's rules do not allow, and one that waits for a free place
    waiting = teller.user.create_video(f"{DREAM} and then I waited [[runway:throttled]]")
    guest.sign_in(teller.user)

    # THEN the first offers to change the prompt, not the same again
    first = f"#/dream/{teller.refused}"
    guest.go(first)
    guest.phase("failed")
    guest.wait("document.getElementById('player-edit').checkVisibility()")
    assert not guest.element("player-retry").is_displayed()
    guest.look()
    guest.element("player-again").click()
    guest.is_open("again-dialog")
    guest.element("again-submit").click()
    assert "would be refused again" in guest.text("again-error")
    guest.element("again-cancel").click()

    # AND the second has no progress, but the time since when it waits
    second = f"#/dream/{waiting['dream_analysis']['dream_id']}"
    guest.go(second)
    guest.phase("queued")
    guest.look()
    assert guest.text("player-status") == "Waiting for a free place…"
    assert guest.text("player-estimate").startswith("In the queue since ")
    assert not guest.element("player-progress").is_displayed()

    # AND a list of dreams from before the queue, which comes late, does not change that
    guest.run(LATE_LIST)
    guest.driver.find_element(By.CSS_SELECTOR, "input[name=category][value=flight]").click()
    guest.wait("window.cameLate && !document.getElementById('cards').hasAttribute('aria-busy')")
    assert guest.run("return document.getElementById('player').dataset.phase") == "queued"

    # AND back and forward lead from one to the other
    guest.run("history.back()")
    guest.phase("failed")
    assert guest.address() == first
    guest.run("history.forward()")
    guest.phase("queued")
    assert guest.address() == second

    # AND it can be cancelled and, here only, deleted
    guest.element("player-cancel").click()
    guest.phase("cancelled")
    guest.look()
    guest.element("player-delete").click()
    guest.is_open("delete-dialog")
    guest.look()
    guest.button("Delete").click()
    guest.wait(f"location.hash !== {json.dumps(second)}")


def test_a_used_up_quota_says_when_there_is_more(
    guest: Guest, user: User, other_user: User, control: ControlPlane
) -> None:
    # GIVEN a user who has used up today's videos, and has a dream without one
    dream = user.post("/dreams/analyze", {"dream_text": DREAM}).json()["dream_id"]
    control.tables.Table(control.outputs["tables"]["guards"]).put_item(
        Item={
            "guard": f"quota#day#{user.id}#{utc_now().date().isoformat()}",
            "videos": 1000,
            "expires_at": int(utc_now().timestamp()) + 86_400,
        }
    )
    guest.sign_in(user)
    guest.go(f"#/dream/{dream}")
    guest.phase("no-video")
    # THEN the page says so before and after another telling
    guest.wait("document.getElementById('quota').textContent.includes('used up')")
    guest.tell("One more dream that does not fit into this day any more")
    guest.wait("!document.getElementById('dream-alert').hidden")
    assert guest.text("quota").endswith("Again tomorrow at 00:00 UTC.")
    assert guest.text("dream-submit") == "Again tomorrow at 00:00 UTC"
    guest.look()
    # AND so does the account
    guest.go("#/account")
    guest.is_open("account-dialog")
    assert "0 of 1,000" in guest.text("account-quota")

    # WHEN the user signs out everywhere THEN other sessions end, and the next user need not wait
    guest.element("sign-out-everywhere").click()
    guest.wait("!document.getElementById('welcome').hidden")
    assert "on all devices" in guest.text("auth-notice")
    assert user.get("/auth/me").status_code == 401
    guest.sign_in(other_user)
    assert guest.text("dream-submit") == "Create video"
    assert guest.element("dream-submit").is_enabled()


def test_the_account_is_changed_and_deleted_from_a_link(guest: Guest, user: User) -> None:
    # GIVEN the link of a store, signed out THEN it asks for the sign-in and says what for
    guest.driver.get(f"{guest.url}/#/delete-account")
    guest.driver.refresh()
    guest.wait("document.getElementById('auth-notice').textContent.includes('to delete your account')")
    guest.look()
    guest.sign_in(user)
    guest.wait("document.getElementById('delete-account').open")
    guest.look()
    # AND closing leads to the dreams
    guest.element("account-close").click()
    guest.wait("location.hash === '#/' && !document.getElementById('account-dialog').open")

    # WHEN name and password are changed THEN the page and the API have them
    guest.element("account-link").click()
    guest.is_open("account-dialog")
    guest.write("name-input", f"{user.username}-2")
    guest.driver.find_element(By.CSS_SELECTOR, "#name-form [type=submit]").click()
    guest.wait(f"document.getElementById('header-username').textContent === '{user.username}-2'")
    assert user.get("/auth/me").json()["username"] == f"{user.username}-2"
    guest.driver.find_element(By.CSS_SELECTOR, "#account-dialog summary").click()
    guest.element("old-password").send_keys("Not-My-Password-1")
    guest.element("new-password").send_keys("Other-Dreams-2", Keys.ENTER)
    guest.wait("document.getElementById('old-password-error').textContent")
    guest.write("old-password", PASSWORD)
    guest.element("new-password").send_keys(Keys.ENTER)
    guest.wait("document.getElementById('account-notice').textContent.startsWith('Your password is changed')")
    guest.look()

    # AND a wrong password deletes nothing, the right one everything
    guest.go("#/delete-account")
    guest.wait("document.getElementById('delete-account').open")
    guest.element("delete-password").send_keys("Not-My-Password-1", Keys.ENTER)
    guest.wait("document.getElementById('delete-password-error').textContent")
    guest.write("delete-password", "Other-Dreams-2")
    guest.element("delete-password").send_keys(Keys.ENTER)
    guest.wait("!document.getElementById('welcome').hidden")
    assert "Your account is closed" in guest.text("auth-notice")
    assert guest.run("return localStorage.length") == 0
    body = {"email": user.email, "password": "Other-Dreams-2"}
    assert user.http.post("/api/v1/auth/login", json=body).status_code == 401
