"""``make screenshots``: screenshots of the page for docs/images, from the stack of ``make up``.

Takes a few minutes: the videos in them are rendered first. Needs Chromium and its driver, as the page's tests do.
"""

import base64
import json
import secrets
import sys
import tempfile
from pathlib import Path

from local.settings import load
from tests.conftest import REPOSITORY
from tests.e2e.browser import opened
from tests.e2e.client import PASSWORD
from tests.e2e.visitor import Visitor, resize

FOLDER = REPOSITORY / "docs" / "images"
QUALITY = 86
# As many in all as a free user may tell in a day.
DREAMS = (
    "An abandoned cathedral, candles without flames, and a raven that read my name from a book of dust.",
    "Something was chasing me through a city that folded up behind my back, and my legs would not run.",
    "I was flying over a dark forest with twisted trees, and far below a river of lanterns was carrying everyone "
    "I have ever loved towards the sea.",
)
LAST_DREAM = "An endless hotel corridor with yellow light, and every door that I opened led to the same empty pool."
PHONE_DREAM = "I was walking on the bottom of a lake, and the fish had the faces of people from my school."
DESKTOP, PHONE = (1280, 1180, 1), (390, 844, 2)


def main() -> int:
    outputs = json.loads(load().outputs_file.read_text())
    with tempfile.TemporaryDirectory() as profile, opened(Path(profile)) as browser:
        take(Visitor(browser, outputs["page_url"]))
    return 0


def take(visitor: Visitor) -> None:
    visitor.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    size(visitor, *DESKTOP)
    visitor.open()
    keep(visitor, "page-welcome")
    name = f"luna-{secrets.token_hex(2)}"
    visitor.button("Create an account").click()
    visitor.element("username").send_keys(name)
    visitor.element("email").send_keys(f"{name}@example.com")
    visitor.element("password").send_keys(PASSWORD)
    visitor.button("Create account").click()
    visitor.signed_in()
    for dream in DREAMS:
        film(visitor, dream)
    keep(visitor, "page-video")
    size(visitor, *PHONE)
    visitor.run("scrollTo(0, 0)")
    # As on a phone, which can share files.
    visitor.run("navigator.canShare = () => true")
    film(visitor, PHONE_DREAM)
    visitor.run("scrollTo(0, 0)")
    keep(visitor, "page-video-phone")
    visitor.run("document.querySelector('.history').scrollIntoView()")
    keep(visitor, "page-history-phone")
    visitor.run("scrollTo(0, 0)")
    visitor.element("composer-open").click()
    visitor.element("dream-text").send_keys(LAST_DREAM)
    keep(visitor, "page-phone")
    visitor.element("dream-text").clear()
    visitor.element("composer-close").click()
    size(visitor, *DESKTOP)
    visitor.run("scrollTo(0, 0)")
    visitor.tell(f"{LAST_DREAM} [[runway:lasts:12]]")
    visitor.wait("document.getElementById('player-progress').value >= 40")
    keep(visitor, "page-rendering")


def film(visitor: Visitor, dream: str) -> None:
    """Tell a dream and watch it. The film before it is shown until it is accepted."""
    visitor.tell(dream)
    visitor.wait("document.getElementById('dream-text').value === ''")
    visitor.phase("completed")
    visitor.wait("document.getElementById('player-video').currentTime > 1")


def size(visitor: Visitor, width: int, height: int, scale: int) -> None:
    resize(visitor.driver, width, height, is_phone=width < 500, scale=scale)


def keep(visitor: Visitor, name: str) -> None:
    """The window as WebP: the video in it would make a PNG ten times as large."""
    visitor.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": 1, "y": 1})
    # Fault markers of the sandbox are not part of a dream.
    visitor.run(r"""
      for (const element of document.querySelectorAll("#player-text, #player-prompt, .card-text"))
        element.textContent = element.textContent.replace(/ ?\[\[.*?\]\]/g, "");
      return new Promise((resolve) => setTimeout(resolve, 700));
    """)
    shot = visitor.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    path = FOLDER / f"{name}.webp"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(shot["data"]))
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
