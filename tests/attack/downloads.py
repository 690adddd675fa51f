"""Addresses of rendered videos: a provider's answer must not make us fetch, or connect to, anything but its files."""

import io
from collections.abc import Iterable
from functools import partial

from dreamvision.core.errors import DreamVisionError
from dreamvision.media.download import DownloadPolicy, fetch_video
from dreamvision.media.errors import SourceForbiddenError
from tests.attack.attack import Outcome, attack
from tests.attack.forgery import in_parallel
from tests.attack.target import Target
from tests.e2e.client import DREAM, FINAL, wait_for
from tests.fakes.disconnected import Disconnected
from tests.fakes.hostile_source import HostileSource, redirect

# Of the registries of special-purpose addresses (IANA), each block's first, and well-known addresses in them.
_ADDRESSES = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254",
    "169.254.170.2", "169.254.100.1", "172.16.0.1", "172.31.255.254", "192.0.0.1", "192.0.0.8", "192.0.0.170",
    "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
    "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001::1", "2001:2::1",
    "2001:10::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::", "2002:a9fe:a9fe::", "3fff::1",
    "3fff:fff:ffff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "febf::1",
    "fec0::1", "feff::1", "ff02::1", "ff0e::1",
)  # fmt: skip
_PUBLIC = "93.184.216.34"


def _policy(target: Target) -> DownloadPolicy:
    return DownloadPolicy.from_text(target.settings("ArchiveVideoFunction")["ALLOWED_VIDEO_HOSTS"])


def _is_forbidden(url: str, policy: DownloadPolicy, addresses: Iterable[str] = (_PUBLIC,)) -> bool:
    """Return whether the download was refused, before anything was connected to."""
    wire, resolved = Disconnected(), list(addresses)
    try:
        fetch_video(url, io.BytesIO(), policy=policy, resolve=lambda host, port: resolved, dial=wire)
    except SourceForbiddenError:
        return wire.dialled == []
    except DreamVisionError:
        return False
    return False


@attack("an allowed name that resolves to a special address")
def names(target: Target, outcome: Outcome) -> None:
    policy, url = _policy(target), "https://d1.cloudfront.net/video.mp4"
    outcome.expect(not _is_forbidden(url, policy), "the provider's own files are refused")
    for address in _ADDRESSES:
        outcome.expect(_is_forbidden(url, policy, [address]), f"connects to {address}")
        # One public address does not excuse the other.
        outcome.expect(_is_forbidden(url, policy, [_PUBLIC, address]), f"connects although one address is {address}")


@attack("addresses of other places, in every spelling")
def urls(target: Target, outcome: Outcome) -> None:
    policy = _policy(target)
    (loopback,) = (origin for origin in policy.allowed_origins if origin.startswith("http://"))
    host = loopback.removeprefix("http://")
    name, _, port = host.partition(":")
    for url in (
        "http://d1.cloudfront.net/v.mp4", "https://d1.cloudfront.net:8443/v.mp4", "https://cloudfront.net/v.mp4",
        "https://evil-cloudfront.net/v.mp4", "https://d1.cloudfront.net.evil.example/v.mp4", "https://evil.example/v.mp4",
        "https://d1.cloudfront.net@evil.example/v.mp4", "https://evil.example@d1.cloudfront.net/v.mp4",
        "https://evil.example#d1.cloudfront.net", "https://evil.example\\d1.cloudfront.net/v.mp4",
        "https://evil.example/?d1.cloudfront.net", "https://d1.cloudfront.net%00.evil.example/", "//d1.cloudfront.net/",
        "https://d1.cloudfront.net\r\nHost: evil/", "https://d1.cloudfront.net /v.mp4", " https://evil.example/",
        "https://ｄ1.cloudfront.net/v.mp4", "https://d1.cloudfront。net/v.mp4", "https://d1.cloudfront.net.:444/",
        "https://127.0.0.1/v.mp4", "https://2130706433/v.mp4", "https://0x7f000001/v.mp4", "https://0177.0.0.1/v.mp4",
        "https://127.1/v.mp4", "https://[::1]/v.mp4", "https://[::ffff:127.0.0.1]/v.mp4", "https://localhost/v.mp4",
        "https://169.254.169.254/latest/meta-data/", "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/", "http://localhost:9001/2018-06-01/runtime/invocation/next",
        "file:///etc/passwd", "file:///var/task/app.py", "ftp://d1.cloudfront.net/v", "gopher://127.0.0.1:25/",
        "data:video/mp4;base64,AAAA", "javascript:alert(1)", "s3://bucket/key", "HTTPS://127.0.0.1/", "",
        f"http://{name}:{int(port) + 1}/v.mp4", f"http://{name}/v.mp4", f"https://{host}/v.mp4",
        f"http://user@{host}/v.mp4", f"http://{host}@evil.example/v.mp4", f"http://localhost:{port}/v.mp4",
        f"http://127.0.0.2:{port}/v.mp4", f"http://[::1]:{port}/v.mp4", f"http://2130706433:{port}/v.mp4",
        f"http://evil.example:{port}/v.mp4", f"http://{host}.evil.example/v.mp4", f"http://0:{port}/v.mp4",
    ):  # fmt: skip
        outcome.expect(_is_forbidden(url, policy, ["127.0.0.1"] if port in url else [_PUBLIC]), f"requests {url!r}")


@attack("redirects: nothing else is requested")
def redirects(target: Target, outcome: Outcome) -> None:
    with HostileSource() as elsewhere, HostileSource() as source:
        policy = DownloadPolicy((source.origin,))
        goals = (elsewhere.url("/v.mp4"), "file:///etc/passwd", "//169.254.169.254/", "http://[::1]/", "/v.mp4", "")
        for status in (300, 301, 302, 303, 304, 307, 308):
            for goal in goals:
                source.routes["/start"] = redirect(goal, status)
                before = len(source.requests)
                forbidden = False
                try:
                    fetch_video(source.url("/start"), io.BytesIO(), policy=policy)
                except SourceForbiddenError:
                    forbidden = True
                outcome.expect(forbidden and len(source.requests) == before + 1, f"a {status} to {goal!r}")
        outcome.expect(elsewhere.connections == 0, "a redirect was followed")


_FAULTS = {
    "redirect": "SourceForbiddenError",
    "foreign_host": "SourceForbiddenError",
    "not_video": "NotAVideoError",
    "truncated": "SourceTruncatedError",
}


@attack("hostile answers of the provider, through the workflow", slow=True)
def workflow(target: Target, outcome: Outcome) -> None:
    user = target.register("premium")

    def create(kind: str) -> str:
        text = {"dream_text": f"[[runway:{kind}]] {DREAM}"}
        answer = user.post("/dreams/generate-video", text, headers={"prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["job_id"])

    jobs = dict(zip(_FAULTS, in_parallel(create, list(_FAULTS), 2), strict=True))
    for kind, job_id in jobs.items():
        video = wait_for(partial(user.video, job_id), lambda found: found["status"] in FINAL, 90)
        outcome.expect(video["status"] == "failed" and video["video_url"] is None, f"{kind}: {video['status']}")
        rows = {row["job_id"]: row for row in target.control.rows("videos", user.id)}
        outcome.expect(rows[job_id]["error_code"] == _FAULTS[kind], f"{kind}: {rows[job_id].get('error_code')}")
    bucket = target.control.client("s3").list_objects_v2(
        Bucket=target.outputs["media_bucket"], Prefix=f"videos/{user.id}/"
    )
    outcome.expect("Contents" not in bucket, "something was stored")
