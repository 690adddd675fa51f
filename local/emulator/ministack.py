"""Configuration of the AWS emulator (MiniStack): on loopback, with IAM enforced and state on disk."""

import sys

import httpx

from local.settings import REGION, Settings


def command() -> list[str]:
    return [sys.executable, "-m", "local.emulator.strict"]


def environment(settings: Settings) -> dict[str, str]:
    """Return the emulator's environment. Lambda workers inherit it, so it has none of the caller's variables."""
    state = settings.folder / "state"
    wrapper = {"AWS_LAMBDA_EXEC_WRAPPER": settings.function_wrapper} if settings.function_wrapper else {}
    return {
        **settings.clean_environment(),
        "GATEWAY_PORT": str(settings.ports.emulator),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state / "services"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # E-mails are not sent, but listed at settings.mailbox_url.
        "COGNITO_EMAIL_ENABLED": "true",
        # Like Cognito, issue no token if the pre token generation trigger fails.
        "MINISTACK_COGNITO_PRETOKEN_STRICT": "1",
        "LOG_LEVEL": "INFO",
        # Idle time after which a worker is stopped.
        "LAMBDA_WARM_TTL_SECONDS": "300",
        # Read by the functions' SDK: forms contain this address.
        "AWS_ENDPOINT_URL_S3": settings.storage_url,
        # Read by the functions' bootstraps (build.py).
        "WORKER_SOCKET": str(settings.worker_socket),
        **wrapper,
    }


def is_ready(settings: Settings) -> bool:
    try:
        return httpx.get(f"{settings.endpoint_url}/_ministack/ready", timeout=2, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
