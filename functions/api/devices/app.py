"""``/api/v1/devices``: devices that receive push notifications."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from dreamvision.devices.repository import DeviceRepository, Session
from dreamvision.schemas.devices import Device, DeviceId, DeviceRegistration
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.responses import no_content
from dreamvision_api.route_docs import ResponseDoc, document

_PATH = "/api/v1/devices/<device_id>"
_TAGS = ["Devices"]

api = Api()


@api.routes.put(
    _PATH,
    summary="Register a device",
    description="Registers the device for push notifications, or replaces what is registered. Send it at every start of"
    " the app, and when its push token changes. The device belongs to the session: signing out removes it. A user has"
    " at most ten devices.",
    tags=_TAGS,
)
@document(errors=("TooManyDevicesError", "ContentionError"))
def register_device(device_id: Annotated[DeviceId, Path()], body: DeviceRegistration) -> Device:
    session = Session(api.caller.session_id, api.caller.issued_at)
    return DeviceRepository.shared().register(api.caller.user_id, device_id, body, session)


@api.routes.get(
    _PATH,
    summary="Get a device",
    description="Returns what is registered. A 404 means that the device receives no notifications.",
    tags=_TAGS,
)
@document(errors=("DeviceNotFoundError",))
def get_device(device_id: Annotated[DeviceId, Path()]) -> Device:
    return DeviceRepository.shared().get(api.caller.user_id, device_id)


@api.routes.delete(
    _PATH,
    summary="Remove a device",
    description="The device receives no further notifications.",
    tags=_TAGS,
)
@document(ResponseDoc(HTTPStatus.NO_CONTENT), errors=("DeviceNotFoundError", "ContentionError"))
def remove_device(device_id: Annotated[DeviceId, Path()]) -> Response[None]:
    DeviceRepository.shared().remove(api.caller.user_id, device_id)
    return no_content()


handler = lambda_handler(api)
