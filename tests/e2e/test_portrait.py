"""A dream in portrait, from the page on a phone to the files, and the same dream again, differently."""

import io
import secrets
from collections.abc import Iterator
from typing import Any

import av
import httpx
import pytest
from PIL import Image

from tests.e2e.browser import Browser
from tests.e2e.client import DREAM, ControlPlane, User, fetch
from tests.e2e.visitor import Visitor, check_page, resize, visiting

PROMPT = (
    "POV slow glide upward through a sunlit forest of twisted silver trees, the moon humming above the branches, soft "
    "light from behind, weightless drift, quiet wonder."
)
FILM = "const video = document.getElementById('player-video'); return [video.videoWidth, video.videoHeight]"
FRAME = "const box = document.querySelector('.player-frame').getBoundingClientRect(); return box.width / box.height"
THUMBNAIL = "document.querySelector('.card img.thumbnail')?.naturalHeight"


@pytest.fixture
def phone(browser: Browser, stack: dict[str, Any]) -> Iterator[Visitor]:
    resize(browser.driver, 390, 844, is_phone=True)
    with visiting(Visitor(browser, stack["page_url"])) as visitor:
        yield visitor
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def image_size(url: str) -> tuple[int, int]:
    with Image.open(io.BytesIO(fetch(url).content)) as image:
        return image.size


def test_a_phone_gets_a_portrait_film_and_another_try_is_landscape(
    phone: Visitor, user: User, control: ControlPlane
) -> None:
    # GIVEN the page on a phone WHEN a dream is told THEN its film is asked for in portrait
    phone.sign_in(user)
    assert phone.run("return document.querySelector('[name=aspect_ratio]:checked').value") == "9:16"
    phone.tell(DREAM)
    phone.wait("document.getElementById('player').dataset.ratio === '9:16'")
    phone.phase("completed")

    # AND the page shows the film in its shape, under the dream's title
    phone.wait("document.getElementById('player-video').videoWidth")
    assert phone.run(FILM) == [720, 1280]
    assert phone.run(FRAME) == pytest.approx(9 / 16, abs=0.01)
    phone.wait(f"{THUMBNAIL} === 1280")
    title = phone.text("player-title")
    assert phone.run("return document.querySelector('.card-title').textContent") == title
    check_page(phone)

    # AND the API has both, with a film of 720 by 1280 pixels and images in its shape
    (dream,) = user.get("/dreams").json()["dreams"]
    assert (dream["title"], dream["aspect_ratio"]) == (title, "9:16")
    assert 0 < len(title) <= 60
    video = user.video(dream["job_id"])
    assert (video["aspect_ratio"], video["video_prompt"]) == ("9:16", dream["video_prompt"])
    with av.open(io.BytesIO(fetch(video["video_url"]).content), "r") as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (720, 1280)
    assert image_size(video["thumbnail_url"]) == (720, 1280)
    assert image_size(video["preview_url"]) == (320, 568)

    # WHEN the dream is tried again with another prompt, seed and shape THEN both videos keep theirs, for one render
    # Renders are counted by their prompt, those of all tests together: this one is used once.
    prompt = f"{PROMPT} {secrets.token_hex(4)}"
    again = user.post(
        "/videos/generate",
        {"dream_id": dream["id"], "aspect_ratio": "16:9", "seed": 4_294_967_295, "video_prompt": prompt},
    )
    assert again.status_code == 200
    second = user.wait_for_video(again.json()["job_id"])
    made_with = ("status", "aspect_ratio", "seed", "video_prompt")
    assert [second[name] for name in made_with] == ["completed", "16:9", 4_294_967_295, prompt]
    assert control.paid_renders(prompt) == 1
    assert user.video(dream["job_id"])["aspect_ratio"] == "9:16"
    assert user.get(f"/dreams/{dream['id']}").json()["aspect_ratio"] == "16:9"


def test_a_prompt_that_breaks_a_rule_is_refused_before_it_costs_anything(user: User) -> None:
    body = {"dream_id": "019aae3c-7e1b-7c3a-9b1e-5d2f8a6c4e10", "video_prompt": PROMPT.replace("POV", "Camera")}
    answer: httpx.Response = user.post("/videos/generate", body)
    assert answer.status_code == 422
    assert [error["code"] for error in answer.json()["errors"]] == ["no_pov_start"]
    assert "RateLimit" not in answer.headers
