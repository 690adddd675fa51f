"""``GET /``, ``GET /api/v1/health``, ``GET /api/v1/health/db``."""

from pydantic import Field

from dreamvision.database.health import VERSION, DatabaseHealth, Health, HealthCheck
from dreamvision.schemas.base import Response
from dreamvision_api.api import Api, lambda_handler

api = Api(public=frozenset({"GET /", "GET /api/v1/health", "GET /api/v1/health/db"}))


class Information(Response):
    """What this is, and where its documentation is."""

    message: str = Field(examples=["DreamVision API"])
    version: str = Field(examples=[VERSION])
    docs: str = Field(examples=["/api/v1/docs"])


@api.routes.get(
    "/", summary="What this API is", description="Its name, its version, and where it is documented.", tags=["Health"]
)
def get_information() -> Information:
    return Information(message="DreamVision API", version=VERSION, docs="/api/v1/docs")


@api.routes.get(
    "/api/v1/health",
    summary="Whether the API works",
    description="`degraded` where a part does not; the status of the answer is 200 all the same. Looked up at most"
    " every ten seconds.",
    tags=["Health"],
)
def get_health() -> Health:
    return HealthCheck.shared().overall()


@api.routes.get(
    "/api/v1/health/db",
    summary="Whether each table works",
    description="The same, table by table.",
    tags=["Health"],
)
def get_database_health() -> DatabaseHealth:
    return HealthCheck.shared().tables()


handler = lambda_handler(api)
