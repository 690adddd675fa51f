"""The web page's server and files: no inline code, no external resources, no markup built from text."""

import asyncio
import contextlib
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from local.emulator.page import CONTENT_TYPES, FOLDER, Page, content_security_policy, page_config
from tests.conftest import REPOSITORY
from tests.fakes.aws import template

OUTPUTS = {
    "api_url": "http://127.0.0.1:4567",
    "websocket_url": "ws://127.0.0.1:4567/v1",
    "media_url": "http://127.0.0.1:4999/media",
}
FILES = sorted(file for file in FOLDER.rglob("*") if file.is_file())
SCRIPTS = [file for file in FILES if file.suffix == ".js"]
# APIs that turn text into markup or code, or log.
FORBIDDEN = (
    "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function",
    "DOMParser", "setHTMLUnsafe", "createContextualFragment", "console.",
)  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Page:
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps(OUTPUTS))
    return Page(outputs)


def ask(page: Page, path: str, method: str = "GET", accept_encoding: str = "") -> tuple[int, dict[str, str], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    encoding = [(b"accept-encoding", accept_encoding.encode())]
    asyncio.run(page({"type": "http", "method": method, "path": path, "headers": encoding}, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"]


def directives(policy: str) -> dict[str, str]:
    return {name: rest for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))}


def test_every_file_is_served_with_its_content_type(page: Page) -> None:
    assert {file.suffix for file in FILES} <= CONTENT_TYPES.keys()
    for file in FILES:
        status, headers, body = ask(page, f"/{file.relative_to(FOLDER).as_posix()}")
        assert status == 200, file
        assert headers["content-type"] == CONTENT_TYPES[file.suffix]
        assert int(headers["content-length"]) == len(body)
        assert body == file.read_bytes()
    assert ask(page, "/")[2] == (FOLDER / "index.html").read_bytes()


def test_texts_are_compressed_for_browsers_that_accept_it(page: Page) -> None:
    status, headers, body = ask(page, "/app.js", accept_encoding="gzip, deflate, br")
    assert (status, headers["content-encoding"], headers["vary"]) == (200, "gzip", "accept-encoding")
    assert int(headers["content-length"]) == len(body)
    assert gzip.decompress(body) == (FOLDER / "app.js").read_bytes()
    for path, accepted in (("/app.js", "identity"), ("/welcome.mp4", "gzip")):
        assert "content-encoding" not in ask(page, path, accept_encoding=accepted)[1]


def test_head_returns_no_body(page: Page) -> None:
    status, headers, body = ask(page, "/", "HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 1000


@pytest.mark.parametrize(
    "path", ["/../local/emulator/page.py", "/js", "/js/../../pyproject.toml", "//etc/passwd", "/x", "/js/"]
)
def test_other_paths_are_not_found(path: str, page: Page) -> None:
    assert ask(page, path)[0] == 404


def test_other_methods_are_not_allowed(page: Page) -> None:
    assert ask(page, "/", "POST")[0] == 405


def test_config_is_generated_from_the_outputs(page: Page) -> None:
    status, headers, body = ask(page, "/config.json")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body) == {
        "api_url": "http://127.0.0.1:4567",
        "websocket_url": "ws://127.0.0.1:4567/v1",
        "media_origins": ["http://127.0.0.1:4999"],
    }


def test_images_and_videos_from_the_media_url_are_allowed() -> None:
    policy = directives(content_security_policy(page_config(OUTPUTS)))
    assert policy["img-src"] == policy["media-src"] == "'self' http://127.0.0.1:4999"


def test_config_without_a_websocket_makes_the_page_poll() -> None:
    config = page_config({**OUTPUTS, "websocket_url": None})
    assert config["websocket_url"] is None
    assert (
        directives(content_security_policy(config))["connect-src"]
        == "'self' http://127.0.0.1:4567 http://127.0.0.1:4999"
    )


def test_every_response_has_the_security_headers(page: Page) -> None:
    for path in ("/", "/app.js", "/config.json", "/nothing"):
        headers = ask(page, path)[1]
        policy = directives(headers["content-security-policy"])
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == "'self'"
        assert policy["style-src"] == "'self'"
        assert policy["connect-src"] == "'self' http://127.0.0.1:4567 ws://127.0.0.1:4567 http://127.0.0.1:4999"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"


def test_cloudfront_sends_the_same_policy_as_the_local_server() -> None:
    resources = template()["Resources"]
    headers = resources["WebsiteHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    text, names = headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    ours = directives(content_security_policy(page_config(OUTPUTS)))
    theirs = directives(text)
    assert theirs.keys() == ours.keys()
    # Only the addresses differ.
    for name in ours.keys() - {"img-src", "media-src", "connect-src"}:
        assert theirs[name] == ours[name], name
    assert theirs["img-src"] == "'self' ${Media}"
    assert theirs["media-src"] == "'self' ${Media}"
    assert theirs["connect-src"] == "'self' ${Http} ${Socket} ${Media}"
    assert names["Http"]["Fn::If"][2]["Fn::If"][2] == {"Fn::GetAtt": ["Api", "ApiEndpoint"]}
    if "MediaDistribution" in resources:
        assert "https://${MediaDistribution.DomainName}" in str(names["Media"])
    if any(each["Type"] == "AWS::Serverless::WebSocketApi" for each in resources.values()):
        assert "wss://${WebSocketApi}." in str(names["Socket"])


def test_page_bucket_is_private_and_optional() -> None:
    document = template()
    resources = {name: each for name, each in document["Resources"].items() if name.startswith("Website")}
    assert {each["Condition"] for each in resources.values()} == {"HostsPage"}
    assert document["Parameters"]["HostPage"]["Default"] == "false"
    bucket = resources["WebsiteBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    deny, allow = resources["WebsiteBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allow["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "distribution/${WebsiteDistribution}" in str(allow["Condition"])


def test_only_the_session_is_kept_in_the_browser() -> None:
    stores = [file.name for file in SCRIPTS if re.search("localStorage|sessionStorage|indexedDB", file.read_text())]
    assert stores == ["session.js"]


@pytest.mark.parametrize("file", SCRIPTS, ids=[file.name for file in SCRIPTS])
def test_scripts_build_no_markup_or_code_from_text(file: Path) -> None:
    text = file.read_text()
    assert not [word for word in FORBIDDEN if word in text]
    assert not re.findall(r"""["'`]https?://""", text)


def test_document_has_no_inline_code_and_no_external_resources() -> None:
    text = (FOLDER / "index.html").read_text()
    assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:|https?://", text)
    assert re.findall(r"<script[^>]*>(.*?)</script>", text) == [""]
    for address in re.findall(r'(?:src|href)="([^"#][^"]*)"', text):
        # The configuration is made by the server.
        assert address == "config.json" or (FOLDER / address).is_file(), address
    for file in FILES:
        if file.suffix == ".css":
            assert "url(" not in file.read_text()
            assert "@import" not in file.read_text()


@pytest.mark.parametrize(
    "name",
    [
        "dream-text", "again-prompt", "player-title", "player-text", "player-prompt", "composer-draft",
        "delete-dialog-text", "header-username", "name-input", "card-title", "card-text",
    ],
)  # fmt: skip
def test_what_users_write_has_its_own_direction(name: str) -> None:
    (tag,) = re.findall(rf'<[a-z0-9]+[^>]*(?:id|class)="{name}"[^>]*>', (FOLDER / "index.html").read_text())
    assert 'dir="auto"' in tag


def test_the_service_worker_keeps_every_file_of_the_page_but_the_film() -> None:
    script = (FOLDER / "sw.js").read_text()
    kept = re.findall(r'^  "([^"]+)",$', script, re.MULTILINE)
    names = [file.relative_to(FOLDER).as_posix() for file in FILES if file.suffix != ".mp4"]
    assert sorted(kept) == sorted({*names, "./", "config.json"} - {"index.html", "sw.js"})


def test_the_manifest_makes_the_page_installable() -> None:
    manifest = json.loads((FOLDER / "manifest.webmanifest").read_text())
    assert {"name", "start_url", "display", "theme_color", "background_color"} <= manifest.keys()
    assert {"192x192", "512x512"} <= {icon["sizes"] for icon in manifest["icons"]}
    assert "maskable" in {icon.get("purpose") for icon in manifest["icons"]}
    for icon in manifest["icons"]:
        with contextlib.ExitStack() as stack:
            if icon["type"] == "image/png":
                image = stack.enter_context(Image.open(FOLDER / icon["src"]))
                assert "x".join(map(str, image.size)) == icon["sizes"]
            else:
                assert (FOLDER / icon["src"]).is_file()


def test_every_module_is_loaded_at_once() -> None:
    preloaded = re.findall(r'<link rel="modulepreload" href="([^"]+)">', (FOLDER / "index.html").read_text())
    modules = [file.relative_to(FOLDER).as_posix() for file in SCRIPTS if file.parent.name == "js"]
    assert preloaded == sorted(modules)


def test_every_imported_script_exists() -> None:
    for file in SCRIPTS:
        for address in re.findall(r'^import .* from "([^"]+)";$', file.read_text(), re.MULTILINE):
            assert (file.parent / address).is_file(), f"{file.name}: {address}"


def test_every_element_used_by_scripts_exists() -> None:
    document = (FOLDER / "index.html").read_text()
    ids = re.findall(r'\sid="([^"]+)"', document)
    assert len(ids) == len(set(ids))
    for file in SCRIPTS:
        for wanted in re.findall(r'byId\("([^"]+)"\)', file.read_text()):
            assert wanted in ids, f"{file.name}: {wanted}"
    for references in re.findall(r'aria-(?:labelledby|describedby|controls)="([^"]+)"', document):
        assert set(references.split()) <= set(ids)


def test_page_offers_all_categories() -> None:
    script = (FOLDER / "js" / "format.js").read_text()
    offered = set(re.findall(r"^  (\w+): \"", script, re.MULTILINE))
    assert offered == {file.stem for file in (REPOSITORY / "prompts" / "templates").glob("*.txt")}
