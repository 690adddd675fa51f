"""Hooks into botocore that see every call before it is sent, every signed form, and every denial.

The functions' processes of the local stack import this module.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from botocore import handlers

from tests.permissions.calls import Need, need_of_connection, need_of_form, needs_of

_DENIALS = {"AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation", "ForbiddenException"}


def install(on_need: Callable[[Need], None], on_denial: Callable[[str], None]) -> None:
    """Report the calls of all clients that are created from now on. Exceptions of ``on_need`` end the call."""
    signs_form: ContextVar[bool] = ContextVar("signs_form", default=False)

    def on_call(params: dict[str, Any], model: Any, **_: Any) -> None:
        service = model.service_model.signing_name
        # Cognito authorizes calls for users by their tokens, not by IAM; the model marks these as unsigned.
        if model.auth_type == "none" or service == "execute-api" or signs_form.get():
            return
        for need in needs_of(service, model.name, params):
            on_need(need)

    def on_connection(params: dict[str, Any], **_: Any) -> None:
        on_need(need_of_connection(params["method"], params["url"]))

    def on_answer(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if parsed.get("Error", {}).get("Code") in _DENIALS:
            on_denial(f"{model.name}: {parsed['Error'].get('Message', '')}")

    def on_s3_client(class_attributes: dict[str, Any], **_: Any) -> None:
        original = class_attributes["generate_presigned_post"]

        def generate_presigned_post(self: Any, Bucket: str, Key: str, *args: Any, **kwargs: Any) -> Any:  # noqa: N803
            on_need(need_of_form(Bucket, Key))
            # botocore finds the form's URL by the parameters of CreateBucket.
            token = signs_form.set(True)
            try:
                return original(self, Bucket, Key, *args, **kwargs)
            finally:
                signs_form.reset(token)

        class_attributes["generate_presigned_post"] = generate_presigned_post

    # Every session registers these. Presigned URLs pass the first event as well.
    handlers.BUILTIN_HANDLERS += [
        ("before-parameter-build", on_call),
        ("before-call.apigatewaymanagementapi", on_connection),
        ("after-call", on_answer),
        ("creating-client-class.s3", on_s3_client),
    ]
