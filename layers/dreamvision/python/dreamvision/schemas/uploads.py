"""Pictures that a user uploads."""

from enum import StrEnum

from pydantic import Field

from dreamvision.schemas.base import Request, Response, Timestamp, UuidText, WholeNumber


class ImageType(StrEnum):
    """What may be uploaded."""

    JPEG = "image/jpeg"
    PNG = "image/png"


class UploadStatus(StrEnum):
    """Where an upload stands."""

    PENDING = "pending"
    ATTACHED = "attached"
    REJECTED = "rejected"
    EXPIRED = "expired"


class ThumbnailUploadRequest(Request):
    """A picture that is to stand for a dream."""

    dream_id: UuidText = Field(description="The dream that the picture is for.")
    content_type: ImageType = Field(description="Of the picture that will be sent.")


class ThumbnailUploadResponse(Response):
    """Where the picture goes: post `fields` and then the file, as `file`, to `url` (multipart/form-data)."""

    upload_id: UuidText
    dream_id: UuidText
    url: str = Field(examples=["https://media.s3.eu-central-1.amazonaws.com/"])
    fields: dict[str, str] = Field(
        description="Form fields, to be sent unchanged and before the file.",
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
    max_bytes: WholeNumber = Field(description="The most that the picture may have.", examples=[5_242_880])
    expires_at: Timestamp = Field(description="Until when S3 takes the form.")


class ThumbnailUpload(Response):
    """How far an upload is."""

    upload_id: UuidText
    status: UploadStatus = Field(
        description="`pending` until the picture was sent and looked at; `expired` when it never came.",
        examples=["attached"],
    )
    error_message: str | None = Field(
        default=None, description="Why it was rejected, in words for the user.", examples=[None]
    )
