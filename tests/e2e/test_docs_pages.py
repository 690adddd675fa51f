"""The documentation pages in a real browser, against the running stack."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from selenium.webdriver.common.by import By

from tests.conftest import REPOSITORY
from tests.e2e.browser import Browser, screenshot
from tests.e2e.client import User

SCREENSHOTS = REPOSITORY / ".local" / "screenshots"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REPOSITORY / "docs" / "openapi.json").read_text())
    return found


@pytest.fixture
def watched(browser: Browser, stack: dict[str, Any]) -> Iterator[Browser]:
    """A browser; afterwards, asserts that it called no other host and logged no error."""
    yield browser
    ours = urlsplit(stack["api_url"]).netloc
    requested = browser.requested()
    assert requested
    assert {urlsplit(url).netloc for url in requested} == {ours}
    assert browser.complaints() == []


def operations(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item}


def test_the_running_service_publishes_the_committed_document(http: httpx.Client, document: dict[str, Any]) -> None:
    answer = http.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == document
    again = http.get("/api/v1/openapi.json", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_swagger_ui_shows_every_route(watched: Browser, stack: dict[str, Any], document: dict[str, Any]) -> None:
    # WHEN the page is opened
    watched.open(stack["docs_url"])
    watched.wait_for(f"document.querySelectorAll('.opblock').length === {len(operations(document))}")

    # THEN it shows every operation of the document
    shown = watched.driver.execute_script(
        """return [...document.querySelectorAll(".opblock")].map((block) => [
             block.querySelector(".opblock-summary-method").textContent,
             block.querySelector(".opblock-summary-path").dataset.path,
           ])"""
    )
    assert {(method, path) for method, path in shown} == operations(document)
    screenshot(watched, SCREENSHOTS / "docs.png")


def test_the_page_shows_every_message_of_the_websocket(watched: Browser, stack: dict[str, Any]) -> None:
    messages = json.loads((REPOSITORY / "docs" / "asyncapi.json").read_text())["components"]["messages"].values()
    watched.open(stack["docs_url"])
    watched.wait_for(f"document.querySelectorAll('#messages section').length === {len(messages)}")
    shown = watched.driver.execute_script(
        """return [...document.querySelectorAll("#messages section")].map((section) => [
             section.querySelector("h3").textContent, JSON.parse(section.querySelector("pre").textContent),
           ])"""
    )
    assert dict(shown) == {each["name"]: each["examples"][0]["payload"] for each in messages}


def test_a_request_can_be_sent_from_swagger_ui(watched: Browser, stack: dict[str, Any], user: User) -> None:
    driver = watched.driver
    watched.open(stack["docs_url"])
    watched.wait_for("document.querySelector('.btn.authorize') !== null")

    # GIVEN a token from the sign-in
    driver.find_element(By.CSS_SELECTOR, ".btn.authorize").click()
    watched.wait_for("document.querySelector('.auth-container input') !== null")
    driver.find_element(By.CSS_SELECTOR, ".auth-container input").send_keys(user.access_token)
    driver.find_element(By.CSS_SELECTOR, ".auth-btn-wrapper .btn.authorize").click()
    watched.wait_for("document.querySelector('.auth-btn-wrapper .btn-done') !== null")
    driver.find_element(By.CSS_SELECTOR, ".auth-btn-wrapper .btn-done").click()

    # WHEN a request is sent from the page
    _execute(watched, "getMe", "Authentication")

    # THEN its response is shown
    answer = _shown_answer(watched, "getMe", "Authentication")
    assert answer["status"] == "200"
    assert user.username in answer["body"]
    assert user.id in answer["body"]
    screenshot(watched, SCREENSHOTS / "docs-get-me.png")

    # AND the example of a POST is a request that works
    _execute(watched, "analyzeDream", "Dreams")
    answer = _shown_answer(watched, "analyzeDream", "Dreams")
    assert answer["status"] == "200", answer["body"]
    assert "video_prompt" in answer["body"]
    screenshot(watched, SCREENSHOTS / "docs-analyze.png")


def test_the_token_is_not_stored(watched: Browser, stack: dict[str, Any]) -> None:
    watched.open(stack["docs_url"])
    watched.wait_for("document.querySelector('.btn.authorize.unlocked') !== null")
    kept = watched.driver.execute_script("return localStorage.length + sessionStorage.length + document.cookie.length")
    assert kept == 0


def test_redoc_shows_every_route(watched: Browser, stack: dict[str, Any], document: dict[str, Any]) -> None:
    watched.open(f"{stack['api_url']}/api/v1/redoc")
    watched.wait_for('document.querySelectorAll(\'[id^="operation/"], [id*="/operation/"]\').length > 0')
    shown = watched.driver.execute_script(
        """return [...document.querySelectorAll("[id*='operation/']")].map((each) => each.id.split("operation/")[1])"""
    )
    expected = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    assert expected <= set(shown)
    # Styles are allowed by digest only: assert that the page is styled.
    assert watched.driver.execute_script(
        "return getComputedStyle(document.querySelector('.menu-content')).position"
    ) in ("sticky", "fixed")
    screenshot(watched, SCREENSHOTS / "redoc.png")


def _execute(browser: Browser, operation_id: str, tag: str) -> None:
    block = f"#operations-{tag}-{operation_id}"
    browser.driver.find_element(By.CSS_SELECTOR, f"{block} .opblock-summary-control").click()
    browser.wait_for(f"document.querySelector('{block} .execute') !== null")
    button = browser.driver.find_element(By.CSS_SELECTOR, f"{block} .execute")
    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
    button.click()


def _shown_answer(browser: Browser, operation_id: str, tag: str) -> dict[str, str]:
    live = f"#operations-{tag}-{operation_id} .live-responses-table"
    browser.wait_for(f"document.querySelector('{live} .response .response-col_status') !== null")
    answer: dict[str, str] = browser.driver.execute_script(
        """const row = document.querySelector(arguments[0] + " .response");
           return {
             status: row.querySelector(".response-col_status").textContent.trim().slice(0, 3),
             body: row.querySelector(".response-col_description").textContent,
           }""",
        live,
    )
    return answer
