"""Serve rendered videos with ranges and ETags, and simulate broken downloads."""

import re
from pathlib import Path

from local.sandbox.http_server import FileRange, Reply, Request, json_reply
from local.sandbox.request_log import sha256_of
from local.sandbox.runway.tasks import Task

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_NOT_A_VIDEO = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>\n" * 40


def download(request: Request, task: Task, path: Path, elsewhere: str) -> Reply:
    """Return the reply to a download of the video at ``path``. ``elsewhere`` is the target of the redirect fault."""
    if task.has("redirect") and request.path.startswith("/outputs/"):
        return Reply(302, headers={"location": elsewhere})
    if task.has("not_video"):
        return Reply(200, _NOT_A_VIDEO, {"content-type": "video/mp4"})
    if not path.is_file():
        return json_reply(404, {"error": "Not Found"})
    size = path.stat().st_size
    if task.has("truncated"):
        half = FileRange(path, 0, size // 2)
        return Reply(200, headers={"content-type": "video/mp4"}, file=half, claimed_length=size)
    return _whole_or_part(request, path, size)


def _whole_or_part(request: Request, path: Path, size: int) -> Reply:
    etag = f'"{sha256_of(f"{path.name}:{size}")[:32]}"'
    headers = {"content-type": "video/mp4", "accept-ranges": "bytes", "etag": etag, "cache-control": "private"}
    if request.headers.get("if-none-match") == etag:
        return Reply(304, headers=headers)
    wanted = _RANGE.fullmatch(request.headers.get("range", ""))
    if wanted is None or request.headers.get("if-range", etag) != etag:
        return Reply(200, headers=headers, file=FileRange(path, 0, size))
    start, end = _bounds(wanted.group(1), wanted.group(2), size)
    if start >= size or end < start:
        return Reply(416, headers={**headers, "content-range": f"bytes */{size}"})
    headers["content-range"] = f"bytes {start}-{end}/{size}"
    return Reply(206, headers=headers, file=FileRange(path, start, end - start + 1))


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Return the first and last byte of a range. ``bytes=-5`` is the last five bytes."""
    if not first:
        return max(0, size - int(last or 0)), size - 1
    return int(first), min(int(last) if last else size - 1, size - 1)
