"""``GET /``, ``GET /api/v1/health``, ``GET /api/v1/health/db``: API information and health checks."""

from pydantic import Field

from dreamvision.database.health import VERSION, DatabaseHealth, Health, HealthCheck
from dreamvision.schemas.base import Response
from dreamvision_api.api import Api, lambda_handler

api = Api(public=frozenset({"GET /", "GET /api/v1/health", "GET /api/v1/health/db"}))


class Information(Response):
    """The API's name, version and documentation URL."""

    message: str = Field(examples=["DreamVision API"])
    version: str = Field(examples=[VERSION])
    docs: str = Field(examples=["/api/v1/docs"])


@api.routes.get(
    "/",
    summary="Get API information",
    description="Returns the API's name, its version and the URL of its documentation.",
    tags=["Health"],
)
def get_information() -> Information:
    return Information(message="DreamVision API", version=VERSION, docs="/api/v1/docs")


@api.routes.get(
    "/api/v1/health",
    summary="Check the API",
    description="The response is 200 even if the status is `degraded`. Results are cached for ten seconds.",
    tags=["Health"],
)
def get_health() -> Health:
    return HealthCheck.shared().overall()


@api.routes.get(
    "/api/v1/health/db",
    summary="Check the database",
    description="Returns the status of each table. Results are cached for ten seconds.",
    tags=["Health"],
)
def get_database_health() -> DatabaseHealth:
    return HealthCheck.shared().tables()


handler = lambda_handler(api)
