"""The emulator as the local stack starts it, against the in-memory user pool that the other tests trust.

Both are called through the product's own code, and must give the same results.
"""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast
from uuid import uuid4

import httpx
import pytest

from dreamvision.auth.cognito import CognitoSettings, Tokens, UserPool
from dreamvision.auth.errors import (
    EmailNotConfirmedError,
    InvalidCredentialsError,
    InvalidOrExpiredCodeError,
    InvalidRefreshTokenError,
    RefreshTokenReusedError,
)
from local.emulator import ministack
from local.emulator.deploy import client
from local.emulator.refresh_rotation import switch_on_rotation
from local.settings import Settings, load
from local.stack import processes
from tests.conftest import REPOSITORY
from tests.e2e.client import code_for
from tests.fakes.aws import template
from tests.fakes.cognito import CLIENT_ID, FakeCognito
from tests.fakes.cognito_state import POOL_ID

PASSWORD, OTHER_PASSWORD = "Moonlight7", "Sunshine8"
RESOURCES: dict[str, dict[str, Any]] = template()["Resources"]
CLIENT = RESOURCES["UserPoolClient"]["Properties"]
WRONG = (InvalidOrExpiredCodeError,)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a running emulator."""
    folder = tmp_path_factory.mktemp("strict")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings = load({"LOCAL_DIR": str(folder), "LOCAL_PORT": str(probe.getsockname()[1])})
    log = folder / "emulator.log"
    process = processes.start(ministack.command(), ministack.environment(settings), log, REPOSITORY)
    try:
        processes.wait_until(lambda: ministack.is_ready(settings), process, "The emulator", log, 60)
        yield settings
    finally:
        processes.stop(process)
    assert "@" not in "".join(re.findall(r"SES.*", log.read_text())), "the log names a recipient"


class Contender(Protocol):
    """A user pool with confirmation of addresses, through the product's client; and what it has e-mailed."""

    pool: UserPool

    def code_for(self, email: str) -> str: ...

    def set_grace(self, seconds: int) -> None: ...


@dataclass
class InMemory:
    cognito: FakeCognito
    pool: UserPool

    def code_for(self, email: str) -> str:
        return next(code for address, code in reversed(self.cognito.outbox) if address == email)

    def set_grace(self, seconds: int) -> None:
        self.cognito._grace_seconds = seconds


@dataclass
class Emulated:
    cognito: Any
    pool: UserPool
    ids: dict[str, str]
    mailbox_url: str

    def code_for(self, email: str) -> str:
        return code_for(email, self.mailbox_url)

    def set_grace(self, seconds: int) -> None:
        rotation = {"Feature": "ENABLED", "RetryGracePeriodSeconds": seconds}
        self.cognito.update_user_pool_client(**self.ids, RefreshTokenRotation=rotation)


class Template:
    """The template as CloudFormation returns it."""

    def get_template(self, *, StackName: str, TemplateStage: str) -> dict[str, Any]:  # noqa: N803
        assert (StackName, TemplateStage) == ("a-stack", "Processed")
        return {"TemplateBody": {"Resources": RESOURCES}}


@pytest.fixture(scope="module")
def emulated(settings: Settings) -> Emulated:
    cognito = client(settings, "cognito-idp")
    declared = RESOURCES["UserPool"]["Properties"]
    policy = declared["Policies"]["PasswordPolicy"] | {"MinimumLength": 8}
    kept = {name: declared[name] for name in ("UsernameAttributes", "AutoVerifiedAttributes")}
    pool_id = cognito.create_user_pool(PoolName="a-pool", Policies={"PasswordPolicy": policy}, **kept)["UserPool"]["Id"]
    settings_of_client = ("GenerateSecret", "ExplicitAuthFlows", "PreventUserExistenceErrors", "EnableTokenRevocation")
    created = cognito.create_user_pool_client(
        UserPoolId=pool_id, ClientName="a-client", **{name: CLIENT[name] for name in settings_of_client}
    )["UserPoolClient"]
    ids = {"UserPoolId": pool_id, "ClientId": created["ClientId"]}
    switch_on_rotation(cognito, Template(), "a-stack", {"UserPoolId": pool_id, "UserPoolClientId": created["ClientId"]})
    configuration = CognitoSettings(user_pool_id=pool_id, user_pool_client_id=created["ClientId"])
    return Emulated(cognito, UserPool(configuration, cognito), ids, settings.mailbox_url)


@pytest.fixture(params=["emulator", "in memory"])
def contender(request: pytest.FixtureRequest) -> Iterator[Contender]:
    if request.param == "in memory":
        cognito = FakeCognito()
        configuration = CognitoSettings(user_pool_id=POOL_ID, user_pool_client_id=CLIENT_ID)
        yield InMemory(cognito, UserPool(configuration, cast(Any, cognito)))
        return
    found: Emulated = request.getfixturevalue("emulated")
    yield found
    found.set_grace(60)


@pytest.fixture
def email() -> str:
    return f"luna-{uuid4().hex[:12]}@example.com"


def other(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


def signed_in(contender: Contender, email: str) -> Tokens:
    contender.pool.sign_up(email, PASSWORD)
    contender.pool.confirm(email, contender.code_for(email))
    return contender.pool.sign_in(email, PASSWORD)


def refused(attempt: Callable[[], object], *errors: type[Exception]) -> None:
    with pytest.raises(errors):
        attempt()


# ---------------------------------------------------------------- codes


def test_only_the_code_that_was_sent_confirms_an_address(contender: Contender, email: str) -> None:
    pool = contender.pool
    assert not pool.sign_up(email, PASSWORD).confirmed
    code = contender.code_for(email)
    for wrong in (other(code), "123456" if code != "123456" else "654321", "0"):
        refused(lambda wrong=wrong: pool.confirm(email, wrong), *WRONG)  # type: ignore[misc]
    for password in (PASSWORD, OTHER_PASSWORD):
        refused(lambda password=password: pool.sign_in(email, password), EmailNotConfirmedError)  # type: ignore[misc]
    # A new code replaces the old one.
    codes = [code]
    while len(codes) < 3:
        pool.resend_confirmation(email)
        codes.append(contender.code_for(email))
    assert len(set(codes)) > 1, "random"
    for old in {*codes} - {codes[-1]}:
        refused(lambda old=old: pool.confirm(email, old), *WRONG)  # type: ignore[misc]
    pool.confirm(email, codes[-1])
    assert pool.sign_in(email, PASSWORD).user_id


def test_only_the_code_that_was_sent_resets_a_password_and_only_once(contender: Contender, email: str) -> None:
    signed_in(contender, email)
    pool, confirmation = contender.pool, contender.code_for(email)
    refused(lambda: pool.reset_password(email, confirmation, OTHER_PASSWORD), *WRONG)
    pool.forgot_password(email)
    code = contender.code_for(email)
    for wrong in (other(code), "654321" if code != "654321" else "123456"):
        refused(lambda wrong=wrong: pool.reset_password(email, wrong, OTHER_PASSWORD), *WRONG)  # type: ignore[misc]
    assert pool.sign_in(email, PASSWORD)
    pool.reset_password(email, code, OTHER_PASSWORD)
    refused(lambda: pool.sign_in(email, PASSWORD), InvalidCredentialsError)
    assert pool.sign_in(email, OTHER_PASSWORD)
    refused(lambda: pool.reset_password(email, code, PASSWORD), *WRONG)


# ---------------------------------------------------------------- refresh tokens


def test_every_refresh_returns_a_new_refresh_token_of_the_same_session(contender: Contender, email: str) -> None:
    first = signed_in(contender, email)
    second = contender.pool.refresh(first.refresh_token)
    third = contender.pool.refresh(second.refresh_token)
    # Repeated within the grace period.
    again = contender.pool.refresh(first.refresh_token)
    assert len({each.refresh_token for each in (first, second, third, again)}) == 4
    assert {each.session_id for each in (first, second, third, again)} == {first.session_id}


def test_a_refresh_token_is_refused_after_its_use_and_the_grace_period(contender: Contender, email: str) -> None:
    first = signed_in(contender, email)
    contender.set_grace(0)
    second = contender.pool.refresh(first.refresh_token)
    for _ in range(2):
        refused(lambda: contender.pool.refresh(first.refresh_token), RefreshTokenReusedError)
    # Cognito itself leaves the session open.
    assert contender.pool.refresh(second.refresh_token).session_id == first.session_id


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_revoked_session_is_over_for_rotated_tokens_too(
    contender: Contender, email: str, *, everywhere: bool
) -> None:
    first = signed_in(contender, email)
    second = contender.pool.refresh(first.refresh_token)
    if everywhere:
        contender.pool.sign_out_everywhere(first.user_id)
    else:
        contender.pool.revoke(second.refresh_token)
    for token in (first.refresh_token, second.refresh_token):
        refused(lambda token=token: contender.pool.refresh(token), InvalidRefreshTokenError)  # type: ignore[misc]


def test_a_stolen_refresh_token_opens_nothing_without_the_secret(emulated: Emulated, email: str) -> None:
    stolen = signed_in(emulated, email).refresh_token
    cognito, client_id = emulated.cognito, emulated.ids["ClientId"]
    errors = cognito.exceptions
    refused(
        lambda: cognito.get_tokens_from_refresh_token(RefreshToken=stolen, ClientId=client_id),
        errors.NotAuthorizedException,
    )
    refused(lambda: cognito.revoke_token(Token=stolen, ClientId=client_id), errors.UnauthorizedException)
    flow = {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": stolen}}
    refused(lambda: cognito.initiate_auth(ClientId=client_id, **flow), errors.ClientError)
    secret = cognito.describe_user_pool_client(**emulated.ids)["UserPoolClient"]["ClientSecret"]
    digest = emulated.pool._secret_hash(emulated.pool.get(email).user_id)
    assert secret
    flow["AuthParameters"]["SECRET_HASH"] = digest  # type: ignore[index]
    refused(lambda: cognito.admin_initiate_auth(**emulated.ids, **flow), errors.InvalidParameterException)


def test_the_client_has_the_rotation_of_the_template(emulated: Emulated) -> None:
    described = emulated.cognito.describe_user_pool_client(**emulated.ids)["UserPoolClient"]
    assert described["RefreshTokenRotation"] == CLIENT["RefreshTokenRotation"]


# ---------------------------------------------------------------- upload forms


def test_s3_ignores_the_fields_after_the_file(settings: Settings) -> None:
    s3 = client(settings, "s3")
    s3.create_bucket(Bucket="a-bucket")
    condition = {"Content-Type": "image/png"}
    form = s3.generate_presigned_post("a-bucket", "uploads/mine", Fields=condition, Conditions=[condition])
    file = ("file", ("image", b"data"))
    fields = [(name, (None, value)) for name, value in form["fields"].items()]
    typed = next(field for field in fields if field[0] == "Content-Type")

    def post(parts: list[Any]) -> int:
        return httpx.post(form["url"], files=parts, trust_env=False).status_code

    # The signed fields, or one of them, stand after the file.
    assert post([file, *fields]) in (400, 403)
    assert post([*(field for field in fields if field is not typed), file, typed]) == 403
    assert "Contents" not in s3.list_objects_v2(Bucket="a-bucket")
    # What the policy forbids has no effect there.
    assert post([*fields, file, ("acl", (None, "public-read")), ("key", (None, "uploads/yours"))]) == 204
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="a-bucket")["Contents"]] == ["uploads/mine"]
    assert s3.get_object(Bucket="a-bucket", Key="uploads/mine")["Body"].read() == b"data"
