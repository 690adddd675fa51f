"""``/api/v1/storage``: pictures of one's own for a dream."""

from dreamvision.dreams.uploads import Uploads
from dreamvision.limits.rate_limits import RateLimits, Scope
from dreamvision.schemas.uploads import ThumbnailUploadRequest, ThumbnailUploadResponse
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.rate_limiting import enforce_rate_limit
from dreamvision_api.route_docs import documented

api = Api()


@api.routes.post(
    "/api/v1/storage/thumbnails",
    summary="Upload a picture for a dream",
    description="Answers with a form: post its `fields` and then the picture, as `file`, to `url` within ten minutes."
    " S3 refuses another type and more than 5 MiB. The picture is looked at within seconds;"
    " `thumbnail_upload` of `GET /api/v1/dreams/{dream_id}` says what came of it.",
    tags=["Storage"],
)
@documented(errors=("RateLimitedError", "DreamNotFoundError"))
def announce_thumbnail(body: ThumbnailUploadRequest) -> ThumbnailUploadResponse:
    enforce_rate_limit(api, RateLimits.shared().count_user(Scope.UPLOAD, api.caller.user_id))
    return Uploads.shared().announce(api.caller.user_id, body.dream_id, body.content_type)


handler = lambda_handler(api)
