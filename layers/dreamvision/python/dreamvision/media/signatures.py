"""Presigned links as of a given time. botocore's own always have the current one, so that no two of them are equal."""

from datetime import datetime
from typing import Self

import boto3
from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import NoCredentialsError


class LinkSigner:
    """Signs URLs of S3 objects with the process's credentials."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @classmethod
    def of_environment(cls) -> Self:
        """Return a signer with the credentials that every client of this process has.

        Raises:
            NoCredentialsError: the environment has none.
        """
        credentials = boto3.Session().get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return cls(credentials)

    def signed(self, url: str, region: str, signed_at: datetime, expires: int) -> str:
        """Return ``url`` with a signature that is valid for ``expires`` seconds from ``signed_at``."""
        request = AWSRequest("GET", url)
        _QueryAuth(self._credentials.get_frozen_credentials(), region, signed_at, expires).add_auth(request)
        return str(request.url)


class _QueryAuth(S3SigV4QueryAuth):
    def __init__(self, credentials: ReadOnlyCredentials, region: str, signed_at: datetime, expires: int) -> None:
        super().__init__(credentials, "s3", region, expires)
        self._signed_at = signed_at

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._signed_at.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)  # type: ignore[misc]  # missing in the stubs
