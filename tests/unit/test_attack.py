"""The attacks as a program: what is chosen, what counts as a violation, and the exit code."""

import argparse
import time
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console

from dreamvision.auth.tokens import IdentitySettings, TokenVerifier, UnauthenticatedError
from tests.attack.__main__ import KINDS, chosen, main
from tests.attack.attack import ATTACKS, Attack, Outcome
from tests.attack.forgery import Forger
from tests.attack.report import carried_out, report
from tests.attack.target import LimitRaisedError, Target
from tests.fakes.token_issuer import TokenIssuer

CLIENT, POOL = "a-client", "us-east-1_test"
SETTINGS = IdentitySettings(user_pool_id=POOL, user_pool_client_id=CLIENT, aws_region="us-east-1")
NOBODY: Any = None


def tried(*held: bool) -> Attack:
    def run(_: Target, outcome: Outcome) -> None:
        for number, each in enumerate(held):
            outcome.expect(each, f"attempt {number}")

    return Attack("kind", "a name", run, remote=False, slow=False)


def failing(error: Exception) -> Attack:
    def run(_: Target, outcome: Outcome) -> None:
        outcome.expect(True, "")
        raise error

    return Attack("kind", "a name", run, remote=False, slow=True)


def shown(*attacks: Attack) -> tuple[int, str]:
    console = Console(file=StringIO(), width=120)
    code = report(carried_out(attacks, NOBODY), 1.0, console)
    return code, console.file.getvalue()  # type: ignore[attr-defined]


def test_the_table_has_every_attack_with_its_tries() -> None:
    code, text = shown(tried(True, True, True), tried(True))
    assert code == 0
    assert text.count("held") == 2
    assert "2 attacks, 4 tries, 0 violations" in text


@pytest.mark.parametrize(
    ("attack", "violation"),
    [
        (tried(True, False), "attempt 1"),
        (failing(ValueError("a reason")), "ended by ValueError: a reason"),
        (failing(LimitRaisedError("raised")), "ended by LimitRaisedError: raised"),
        (tried(), "nothing was attempted"),
    ],
    ids=["accepted", "ended", "impossible", "empty"],
)
def test_a_violation_fails_the_command(attack: Attack, violation: str) -> None:
    code, text = shown(tried(True), attack)
    assert code == 1
    assert f"VIOLATION  kind: a name: {violation}" in text


def test_no_attack_at_all_fails_the_command() -> None:
    assert shown()[0] == 1


def options(**changes: object) -> argparse.Namespace:
    return argparse.Namespace(**{"kinds": [], "deployed": None, "websocket": None, "page": None, **changes})


def test_every_kind_has_attacks_and_every_attack_a_name_of_its_own() -> None:
    assert {each.kind for each in ATTACKS} == set(KINDS)
    assert len({(each.kind, each.name) for each in ATTACKS}) == len(ATTACKS)
    assert chosen(options()) == ATTACKS
    assert {each.kind for each in chosen(options(kinds=["tokens", "races"]))} == {"tokens", "races"}


def test_a_deployed_stack_gets_only_what_needs_no_operator() -> None:
    found = chosen(options(deployed="https://api.example.com"))
    assert {each.kind for each in found} >= {"tokens", "ids", "bodies"}
    assert all(each.remote for each in found)
    assert not {"sockets", "page", "races", "money"} & {each.kind for each in found}
    assert "sockets" in {each.kind for each in chosen(options(deployed="https://x", websocket="wss://x"))}


def test_without_a_running_stack_nothing_is_attacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
    assert main([]) == 2
    assert "make up" in capsys.readouterr().err
    assert main(["doors"]) == 2
    assert "There is no kind doors" in capsys.readouterr().err


def test_at_least_a_hundred_forged_tokens_differ_and_none_is_valid(tmp_path: Path) -> None:
    issuer = TokenIssuer(SETTINGS.token_issuer, CLIENT)
    key = issuer.private_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    (tmp_path / f"{POOL}-access.pem").write_bytes(key)
    forger = Forger(tmp_path, POOL, issuer.sign(issuer.access_claims("a-user", "a-session", time.time())))
    forged = forger.credentials()
    assert len(forged) >= 100
    assert len(set(forged.values())) == len(forged)
    verifier = TokenVerifier(SETTINGS, issuer.jwks)
    for value in forged.values():
        with pytest.raises(UnauthenticatedError):
            verifier.verify(str(value).removeprefix("Bearer "))
    # AND the same claims with another id are accepted, for the pool's own key has signed them.
    assert verifier.verify(forger.signed(jti="another")).user_id == "a-user"


@pytest.mark.parametrize(
    ("answers", "sent"),
    [
        ([(503, "Service Unavailable"), (502, "Bad Gateway"), (200, "{}")], 3),
        ([(503, '{"type": "urn:dreamvision:problem:busy"}'), (200, "{}")], 1),
        ([(503, "Service Unavailable")] * 9, 5),
    ],
    ids=["the gateway's own", "a problem of the API", "for ever"],
)
def test_only_the_gateways_own_refusals_are_repeated(
    answers: list[tuple[int, str]], sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(answers)
    requests: list[httpx.Request] = []

    def answer(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        requests.append(request)
        status, text = next(left)
        return httpx.Response(status, text=text)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    response = Target({"api_url": "http://127.0.0.1:1"}, None).http.post("/", json={"a": 1})
    assert (len(requests), response.status_code) == (sent, answers[sent - 1][0])
