"""Distributions that require signed URLs, and the answers of their S3 origins.

CloudFront refuses a request for a behavior with trusted key groups unless its URL has a signature of one of their keys:
docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy.html. The
emulator serves it. S3 takes response headers from the query and adds those of the bucket's CORS rules; the emulator's
distributions pass neither on to it.
"""

import base64
import binascii
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs
from xml.etree.ElementTree import Element

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from local.emulator.strict.replacing import Function, Response, Service, replace

# The base URL that viewers request and that was signed. Sent by the gateway, since the emulator has another address.
VIEWER_BASE_URL = "x-viewer-base-url"

_PARAMETERS = ("Expires", "Signature", "Key-Pair-Id", "Hash-Algorithm", "Policy")
_HASHES = {"SHA1": SHA1, "SHA256": SHA256}
_FROM_URL_SAFE = bytes.maketrans(b"-_~", b"+=/")
# status, reason, headers, body
type OriginResponse = tuple[int, str, dict[str, Any], bytes]


class SignedUrls:
    """The distributions of the emulator's CloudFront, whose origins are buckets of its S3."""

    def __init__(self, cloudfront: Service, s3: Service, clock: Callable[[], float] = time.time) -> None:
        self._cloudfront = cloudfront
        self._s3 = s3
        self._clock = clock

    def install(self) -> None:
        replace(self._cloudfront, "_dataplane_behavior", self.with_key_groups)
        replace(self._cloudfront, "handle_viewer_request", self.requiring_signatures)
        replace(self._cloudfront, "_fetch_from_origin", self.as_s3_answers)

    @staticmethod
    def with_key_groups(parse: Function) -> Function:
        """Wrap what reads a cache behavior from its XML: read its trusted key groups, too."""

        def parsed(element: Element, path_pattern: str | None = None) -> dict[str, Any]:
            behavior: dict[str, Any] = parse(element, path_pattern)
            names = (each for each in element.iter() if each.tag.rpartition("}")[2] == "KeyGroup")
            return {**behavior, "trusted_key_groups": [each.text for each in names]}

        return parsed

    def requiring_signatures(self, handle: Function) -> Function:
        """Wrap what serves a viewer's request: refuse it if its behavior requires a signature that it lacks."""

        async def handled(
            distribution: Mapping[str, Any],
            method: str,
            path: str,
            raw_path: str,
            query: str,
            headers: Mapping[str, str],
            *rest: object,
        ) -> Response:
            configuration = self._cloudfront.parse_distribution_dataplane_config(distribution)
            groups = self._cloudfront._match_behavior(configuration, path)["trusted_key_groups"]
            base_url = headers.get(VIEWER_BASE_URL) or f"https://{headers.get('host', '')}"
            refusal = self.refusal(f"{base_url}{raw_path}", query, groups) if groups else None
            if refusal:
                return _error(*refusal)
            response: Response = await handle(distribution, method, path, raw_path, query, headers, *rest)
            return response

        return handled

    def refusal(self, url: str, query: str, groups: Sequence[str]) -> tuple[str, str] | None:
        """Return the code and the message of CloudFront's refusal, or ``None`` for a URL that one of the keys signed.

        ``url`` has no query; ``groups`` are names of key groups.
        """
        parts = query.split("&")
        given = {name: value for name, _, value in (part.partition("=") for part in parts) if name in _PARAMETERS}
        if "Key-Pair-Id" not in given:
            return "MissingKey", "Missing Key-Pair-Id query parameter or cookie value"
        key = self._public_key(given["Key-Pair-Id"], groups)
        if key is None:
            return "InvalidKey", "Unknown Key"
        own = "&".join(part for part in parts if part.partition("=")[0] not in _PARAMETERS)
        signed = self._is_signed(f"{url}?{own}" if own else url, given, key)
        return None if signed else ("AccessDenied", "Access denied")

    def _public_key(self, key_pair_id: str, groups: Sequence[str]) -> EllipticCurvePublicKey | None:
        trusted = {item for group in groups for item in self._cloudfront._key_groups[group]["Config"]["Items"]}
        if key_pair_id not in trusted:
            return None
        key = load_pem_public_key(self._cloudfront._public_keys[key_pair_id]["Config"]["EncodedKey"].encode())
        return key if isinstance(key, EllipticCurvePublicKey) else None

    def _is_signed(self, url: str, given: Mapping[str, str], key: EllipticCurvePublicKey) -> bool:
        expires, algorithm = given.get("Expires", ""), _HASHES.get(given.get("Hash-Algorithm", "SHA1"))
        if not expires.isdecimal() or int(expires) <= self._clock() or algorithm is None or "Policy" in given:
            return False
        condition = f'{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}'
        policy = f'{{"Statement":[{{"Resource":"{url}","Condition":{condition}}}]}}'
        try:
            signature = base64.b64decode(given.get("Signature", "").encode().translate(_FROM_URL_SAFE), validate=True)
            key.verify(signature, policy.encode(), ECDSA(algorithm()))
        except (InvalidSignature, binascii.Error):
            return False
        return True

    def as_s3_answers(self, fetch: Function) -> Function:
        """Wrap what asks an origin: let a bucket answer preflights, set CORS headers and those of the query."""

        async def fetched(
            origin: Mapping[str, Any], method: str, path: str, query: str, headers: dict[str, str], *rest: object
        ) -> OriginResponse:
            bucket = origin.get("s3_bucket")
            if bucket and method == "OPTIONS":
                key = self._cloudfront._s3_object_key(origin, path)
                status, answered, body = self._s3.cors_preflight(bucket, key, headers)
                return status, "", _lower(answered), body
            response: OriginResponse = await fetch(origin, method, path, query, headers, *rest)
            if bucket:
                response[2].update(_lower(self._s3.cors_response_headers(bucket, method, headers)))
                if response[0] in (200, 206):
                    response[2].update(_overrides(query))
            return response

        return fetched


def _overrides(query: str) -> dict[str, str]:
    """Return the headers that a query asks S3 for: docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html."""
    prefix = "response-"
    return {name.removeprefix(prefix): values[0] for name, values in parse_qs(query).items() if name.startswith(prefix)}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _error(code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return 403, {"Content-Type": "text/xml"}, body.encode()
