"""Image uploads."""

from enum import StrEnum

from pydantic import Field

from dreamvision.schemas.base import Request, Response, Timestamp, UuidText, WholeNumber


class ImageType(StrEnum):
    """An image type that can be uploaded."""

    JPEG = "image/jpeg"
    PNG = "image/png"


class UploadStatus(StrEnum):
    """The status of an upload."""

    PENDING = "pending"
    ATTACHED = "attached"
    REJECTED = "rejected"
    EXPIRED = "expired"


class ThumbnailUploadRequest(Request):
    """An image for a dream."""

    dream_id: UuidText = Field(description="The dream that the image is for.")
    content_type: ImageType = Field(description="Content type of the image.")


class ThumbnailUploadResponse(Response):
    """A presigned form: post `fields`, then the image as `file`, to `url` (multipart/form-data)."""

    upload_id: UuidText
    dream_id: UuidText
    url: str = Field(examples=["https://media.s3.eu-central-1.amazonaws.com/"])
    fields: dict[str, str] = Field(
        description="Form fields. Send them unchanged, before the file.",
        examples=[
            {
                "Content-Type": "image/jpeg",
                "success_action_status": "204",
                "key": "uploads/4c8b8c1e-.../019aae3c-.../019aae3d-.../5cOl4TCFJc0S1nBWyjQOwg.jpg",
                "x-amz-algorithm": "AWS4-HMAC-SHA256",
                "x-amz-credential": "ASIA.../20261123/us-east-1/s3/aws4_request",
                "x-amz-date": "20261123T030405Z",
                "policy": "eyJleHBpcmF0aW9uIjog...",
                "x-amz-signature": "9f86d081884c7d65...",
            }
        ],
    )
    max_bytes: WholeNumber = Field(description="Maximum size of the image in bytes.", examples=[5_242_880])
    expires_at: Timestamp = Field(description="When the form expires.")


class ThumbnailUpload(Response):
    """The state of an image upload."""

    upload_id: UuidText
    status: UploadStatus = Field(
        description="`pending` until the image is uploaded and checked; `expired` if it never was.",
        examples=["attached"],
    )
    error_message: str | None = Field(
        default=None, description="Why the image was rejected; may be shown to the user.", examples=[None]
    )
