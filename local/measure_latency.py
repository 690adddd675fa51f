"""Measure the time that the pipeline adds to the providers' own time, from the POST request to ``completed``.

Requires a running local stack (``PARAMETERS="PollFirstWait=1 PollInterval=1" make up``) without other users. Prints one
line per dream and the median. Shortly after its start, a stack is still warming up and is slower.
"""

import argparse
import secrets
import statistics
import sys
import time
from datetime import datetime
from typing import Any

import httpx

from local import settings
from local.stack import commands

_DREAM = "I was flying over a dark forest with twisted trees and the moon was humming {word}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dreams", type=int, default=5)
    options = parser.parse_args()
    outputs = commands.outputs(settings.load())
    if outputs is None:
        print(
            'The local stack is not running. Start it: PARAMETERS="PollFirstWait=1 PollInterval=1" make up',
            file=sys.stderr,
        )
        return 1
    with httpx.Client(base_url=outputs["api_url"], timeout=40, trust_env=False) as http:
        name = f"measure-{secrets.token_hex(4)}"
        body = {"email": f"{name}@example.com", "password": "Measure-Me-1", "username": name}
        token = http.post("/api/v1/auth/register", json=body).raise_for_status().json()["access_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        added = [_measure_dream(http, outputs, number) for number in range(1, options.dreams + 1)]
    print(f"median {statistics.median(added):.2f} s added, best {min(added):.2f} s, worst {max(added):.2f} s")
    return 0


def _measure_dream(http: httpx.Client, outputs: dict[str, Any], number: int) -> float:
    """Create a video and return the added seconds."""
    started = time.time()
    word = secrets.token_hex(6)
    response = http.post("/api/v1/dreams/generate-video", json={"dream_text": _DREAM.format(word=word)})
    job_id = response.raise_for_status().json()["video_generation"]["job_id"]
    while (video := http.get(f"/api/v1/videos/{job_id}").raise_for_status().json())["status"] != "completed":
        if video["status"] == "failed":
            raise RuntimeError(f"the video failed: {video['error_message']}")
        time.sleep(0.1)
    total = _seconds(video["completed_at"]) - started
    claude = _claude_seconds(outputs, word)
    runway = _runway_seconds(outputs, started)
    added = total - claude - runway
    print(f"dream {number}: {total:5.2f} s in total = Claude {claude:.2f} + Runway {runway:.2f} + added {added:.2f}")
    return added


def _claude_seconds(outputs: dict[str, Any], word: str) -> float:
    log = httpx.get(f"{outputs['claude_url']}/_sandbox/requests", params={"contains": word}, trust_env=False).json()
    return sum(float(request["duration_ms"]) for request in log["requests"]) / 1000


def _runway_seconds(outputs: dict[str, Any], started: float) -> float:
    creates = httpx.get(f"{outputs['runway_url']}/_sandbox/requests", trust_env=False).json()["creates"]
    task_id = creates[-1]["task_id"]
    task = httpx.get(f"{outputs['runway_url']}/_sandbox/tasks/{task_id}", trust_env=False).json()
    if _seconds(task["createdAt"]) < started:
        raise RuntimeError("the render belongs to another video: measure on a stack without other users")
    return _seconds(task["finishedAt"]) - _seconds(task["createdAt"])


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    sys.exit(main())
