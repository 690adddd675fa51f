"""A visitor of the page, and checks of accessibility and layout."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.e2e.browser import Browser
from tests.e2e.client import PASSWORD, User

_PATIENCE_SECONDS = 120
# Elements without an accessible name, and text with too little contrast.
UNNAMED = """
const visible = (element) => element.checkVisibility();
return [...document.querySelectorAll("button, a, input, textarea, select, video, progress, dialog, summary")]
  .filter(visible)
  .filter((element) => !(
    element.getAttribute("aria-label") || element.textContent.trim() || element.labels?.length ||
    element.getAttribute("aria-labelledby")))
  .map((element) => element.outerHTML.slice(0, 120));
"""
LOW_CONTRAST = r"""
const parse = (text) => {
  const found = text.match(/[\d.]+/g).map(Number);
  return text.startsWith("color(srgb") ? [...found.slice(0, 3).map((part) => part * 255), found[3] ?? 1]
    : [...found.slice(0, 3), found[3] ?? 1];
};
const light = ([red, green, blue]) => {
  const part = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
};
// Gradients have no one colour: what stands on one is left out here and was looked at by eye.
const behind = (element) => {
  let layers = [];
  for (let each = element; each; each = each.parentElement) {
    const style = getComputedStyle(each);
    if (style.backgroundImage !== "none" && each !== document.body) return null;
    const color = parse(style.backgroundColor);
    layers.push(color);
    if (color[3] === 1) break;
  }
  return layers.reverse().reduce((below, [r, g, b, a]) => [r, g, b].map((value, i) => value * a + below[i] * (1 - a)),
    [12, 10, 28]);
};
return [...document.querySelectorAll("body *")].filter((element) =>
  element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
).map((element) => {
  const background = behind(element);
  const color = parse(getComputedStyle(element).color);
  if (!background || color[3] < 1) return null;
  const [high, low] = [light(color), light(background)].sort((a, b) => b - a);
  const ratio = (high + 0.05) / (low + 0.05);
  return ratio < 4.5 ? `${ratio.toFixed(2)} ${element.outerHTML.slice(0, 100)}` : null;
}).filter(Boolean);
"""
TITLES = "return [...document.querySelectorAll('h1')].filter((each) => each.checkVisibility()).length"
SMALL = """
return [...document.querySelectorAll("button, .filter-option, summary")].filter((each) => each.checkVisibility())
  .filter((each) => each.getBoundingClientRect().height < 24).map((each) => each.outerHTML.slice(0, 80));
"""
# Records the name of what is saved instead of downloading it.
CATCH_SAVING = "HTMLAnchorElement.prototype.click = function () { window.saved = this.download; };"


class Visitor:
    """A visitor of the page."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.driver = browser.driver
        self.url = url

    def open(self) -> None:
        """Open the page in a signed-out tab."""
        self.driver.get(self.url)
        self.driver.execute_script("localStorage.clear()")
        self.browser.open(self.url)
        self.wait("!document.getElementById('welcome').hidden")

    def element(self, identifier: str) -> WebElement:
        return self.driver.find_element(By.ID, identifier)

    def button(self, words: str) -> WebElement:
        """Return the button that says this, once it is displayed."""

        def displayed(driver: WebDriver) -> WebElement | Literal[False]:
            found = driver.find_elements(By.XPATH, f"//button[normalize-space()='{words}']")
            return next((each for each in found if each.is_displayed()), False)

        wait = WebDriverWait(self.driver, _PATIENCE_SECONDS, ignored_exceptions=[StaleElementReferenceException])
        return wait.until(displayed, f"no button {words!r}")

    def text(self, identifier: str) -> str:
        return self.element(identifier).text

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def wait(self, script: str) -> Any:
        """Return the value of the expression once it is truthy.

        The sandbox draws real videos, which may take a while.
        """
        wait = WebDriverWait(self.driver, _PATIENCE_SECONDS, poll_frequency=0.1)
        return wait.until(lambda driver: driver.execute_script(f"return {script}"), f"never came true: {script}")

    def phase(self, wanted: str) -> None:
        self.wait(f"document.getElementById('player').dataset.phase === '{wanted}'")

    def register(self) -> str:
        name = f"dreamer-{secrets.token_hex(5)}"
        self.button("Create an account").click()
        self.element("username").send_keys(name)
        self.element("email").send_keys(f"{name}@example.com")
        self.element("password").send_keys(PASSWORD)
        self.button("Create account").click()
        self.signed_in()
        return name

    def sign_in(self, user: User) -> None:
        self.element("email").send_keys(user.email)
        self.element("password").send_keys(PASSWORD, Keys.ENTER)
        self.signed_in()

    def signed_in(self) -> None:
        self.wait("!document.getElementById('dreams').hidden")
        self.wait("!document.getElementById('cards').hasAttribute('aria-busy')")

    def sign_out(self) -> None:
        self.element("account-link").click()
        self.wait("document.getElementById('account-dialog').open")
        self.button("Sign out").click()

    def tell(self, dream: str) -> None:
        """Send a dream; on a phone that shows another one, the form is behind its bar."""
        if self.element("composer-open").is_displayed():
            self.element("composer-open").click()
        self.element("dream-text").send_keys(dream)
        self.button("Create video").click()

    def cards(self) -> list[str]:
        found: list[str] = self.run(
            "return [...document.querySelectorAll('.card-text')].map((each) => each.textContent)"
        )
        return found


def resize(driver: webdriver.Chrome, width: int, height: int, *, is_phone: bool, scale: float = 0) -> None:
    """Give the page a screen of this size in CSS pixels. ``scale`` is that of its real ones; 0 keeps the browser's."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def check_page(visitor: Visitor) -> None:
    """Check names, contrast, sizes and overflow, at the widths of a desktop and of a phone."""
    for width in (1280, 390):
        resize(visitor.driver, width, 844, is_phone=width < 500)
        try:
            assert visitor.run(UNNAMED) == []
            assert visitor.run(LOW_CONTRAST) == []
            assert visitor.run("return document.documentElement.scrollWidth <= innerWidth")
            assert visitor.run(TITLES) == 1
            assert visitor.run("return document.documentElement.lang") == "en"
            assert visitor.run(SMALL) == []
        finally:
            visitor.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@contextmanager
def visiting[Someone: Visitor](visitor: Someone) -> Iterator[Someone]:
    """Open the page for a visitor who is not signed in, and leave one empty tab."""
    visitor.open()
    yield visitor
    driver = visitor.driver
    # Tabs share their sessions: sign out for the next test.
    driver.execute_script("localStorage.clear()")
    for handle in driver.window_handles[1:]:
        driver.switch_to.window(handle)
        driver.close()
    driver.switch_to.window(driver.window_handles[0])
    driver.get("about:blank")
