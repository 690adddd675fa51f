"""A real Chromium for tests, with a record of its network requests and console messages.

Needs Debian's packages ``chromium`` and ``chromium-driver``. Missing packages are installed if the tests run as root;
otherwise the tests fail with a message, because a page that was not opened is not tested.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

_PACKAGES = ("chromium", "chromium-driver")
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_DRIVER = "chromedriver"
_WAIT_SECONDS = 30
ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1300,1600",
)


class Browser:
    """One window, with its requests and console messages since the last page was opened."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Open a page and clear the records of the previous one."""
        self.driver.get("about:blank")
        self._log("performance")
        self._log("browser")
        self.driver.get(url)

    def wait_for(self, script: str) -> Any:
        """Return the value of the JavaScript expression once it is truthy."""
        wait = WebDriverWait(self.driver, _WAIT_SECONDS)
        return wait.until(lambda driver: driver.execute_script(f"return {script}"), f"never came true: {script}")

    def requested(self) -> list[str]:
        """Return the URLs of all network requests, and clear the record."""
        found = []
        for entry in self._log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                if not url.startswith(("data:", "blob:", "about:", "chrome")):
                    found.append(url)
        return found

    def complaints(self) -> list[str]:
        """Return all console messages, including violations of the security policy, and clear the record."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        return found


@contextmanager
def opened(profile: Path, *arguments: str) -> Iterator[Browser]:
    """Open a browser with a profile in a folder of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location, driver_path = installed_browser()
    for argument in (*ARGUMENTS, *arguments, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


def installed_browser() -> tuple[str, str]:
    """Return the paths of browser and driver, after installing them if necessary and possible."""
    if (found := _found()) is not None:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _install()
    if (found := _found()) is not None:
        return found
    pytest.fail(
        f"Chromium and its driver are missing: install the packages {' and '.join(_PACKAGES)}"
        " (Debian's names), or run the tests as root on Debian, which installs them.",
        pytrace=False,
    )


def _found() -> tuple[str, str] | None:
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which(_DRIVER)
    return (browser, driver) if browser and driver else None


def _install() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *_PACKAGES]):
        done = subprocess.run(
            ["apt-get", "--quiet", *command], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            pytest.fail(f"apt-get {command[0]} failed:\n{done.stderr[-2000:]}", pytrace=False)


def screenshot(browser: Browser, path: Path) -> None:
    """Save the window as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    browser.driver.save_screenshot(str(path))
