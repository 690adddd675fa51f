"""Start the emulator: ``python -m local.emulator.strict``. Its settings are environment variables."""

import logging

from ministack import app
from ministack.services import apigateway, cloudfront, cognito, s3

from local.emulator.strict.authorizer import JwtAuthorizer
from local.emulator.strict.codes import Codes
from local.emulator.strict.refresh_tokens import RefreshTokens
from local.emulator.strict.signed_urls import SignedUrls
from local.emulator.strict.upload_forms import UploadForms


def main() -> None:
    JwtAuthorizer(apigateway).install()
    Codes(cognito).install()
    RefreshTokens(cognito).install()
    SignedUrls(cloudfront, s3).install()
    UploadForms(s3).install()
    # Its INFO lines name the recipients of e-mails.
    logging.getLogger("ses").setLevel(logging.WARNING)
    app.main()


if __name__ == "__main__":
    main()
