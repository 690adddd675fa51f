"""Start the emulator: ``python -m local.emulator.strict``. Its settings are environment variables."""

import logging

from ministack import app
from ministack.services import apigateway, cognito, s3

from local.emulator.strict.authorizer import JwtAuthorizer
from local.emulator.strict.codes import Codes
from local.emulator.strict.refresh_tokens import RefreshTokens
from local.emulator.strict.upload_forms import UploadForms


def main() -> None:
    for bridge in (JwtAuthorizer(apigateway), Codes(cognito), RefreshTokens(cognito), UploadForms(s3)):
        bridge.install()
    # Its INFO lines name the recipients of e-mails.
    logging.getLogger("ses").setLevel(logging.WARNING)
    app.main()


if __name__ == "__main__":
    main()
