"""``/api/v1/storage``: upload images for dreams."""

from dreamvision.dreams.uploads import Uploads
from dreamvision.limits.rate_limits import RateLimits, Scope
from dreamvision.schemas.uploads import ThumbnailUploadRequest, ThumbnailUploadResponse
from dreamvision_api.api import Api, lambda_handler
from dreamvision_api.rate_limiting import enforce_rate_limit
from dreamvision_api.route_docs import document

api = Api()


@api.routes.post(
    "/api/v1/storage/thumbnails",
    summary="Request an image upload",
    description="Returns a presigned form: post its `fields`, then the image as `file`, to `url` within ten minutes. S3"
    " rejects other content types and files over 5 MiB. Only the first image posted with a form is used. It is checked"
    " within seconds; see `thumbnail_upload` of"
    " `GET /api/v1/dreams/{dream_id}` for the result.",
    tags=["Storage"],
)
@document(errors=("RateLimitedError", "DreamNotFoundError"))
def announce_thumbnail(body: ThumbnailUploadRequest) -> ThumbnailUploadResponse:
    enforce_rate_limit(api, RateLimits.shared().count_user(Scope.UPLOAD, api.caller.user_id))
    return Uploads.shared().announce(api.caller.user_id, body.dream_id, body.content_type)


handler = lambda_handler(api)
