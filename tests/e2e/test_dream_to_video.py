"""The main path: a dream becomes a playable video."""

import io

import av
import httpx

from tests.e2e.client import DREAM, ControlPlane, User


def test_a_dream_becomes_a_video(user: User, control: ControlPlane) -> None:
    # GIVEN a user WHEN they create a dream
    created = user.create_video(DREAM, duration=6)

    # THEN the analysis is in the response
    analysis, generation = created["dream_analysis"], created["video_generation"]
    assert analysis["category"] == "flight"
    assert analysis["template_used"] == "FLIGHT"
    assert analysis["video_prompt"].startswith("POV")
    assert generation["status"] in ("pending", "processing")
    assert generation["video_id"] == generation["job_id"]

    # AND the video completes
    video = user.wait_for_video(generation["job_id"])
    assert video["status"] == "completed"
    assert video["progress"] == 100
    assert video["completed_at"].endswith("Z")
    assert video["error_message"] is None

    # AND it plays: six seconds of H.264 in 1280 by 720
    answer = httpx.get(video["video_url"], trust_env=False)
    assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(answer.content), "r") as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 1280, 720)
        assert container.duration is not None
        assert abs(container.duration / 1_000_000 - 6) < 0.2

    # AND the thumbnail is a JPEG
    thumbnail = httpx.get(video["thumbnail_url"], trust_env=False)
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert thumbnail.content.startswith(b"\xff\xd8\xff")

    # AND the execution has succeeded
    assert control.wait_for_execution(generation["job_id"])["status"] == "SUCCEEDED"
    assert control.states_entered(generation["job_id"])[-1] == "VideoCompleted"
