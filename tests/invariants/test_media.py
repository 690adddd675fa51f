"""The media bucket and its distribution: who reads what, with which signature, and for how long."""

import re
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

import pytest

from dreamvision.media.keys import image_url, thumbnail_key, video_key, video_url
from tests.fakes.aws import template

TEMPLATE = template()
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]
DISTRIBUTION = RESOURCES["MediaDistribution"]["Properties"]["DistributionConfig"]
ORIGINS = {each["Id"]: each for each in DISTRIBUTION["Origins"]}
FUNCTIONS = [
    (name, each["Properties"]) for name, each in RESOURCES.items() if each["Type"] == "AWS::Serverless::Function"
]


def test_without_a_signature_the_distribution_serves_only_images() -> None:
    for origin in ORIGINS.values():
        assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["MediaAccess", "Id"]}
        assert origin["DomainName"] == {"Fn::GetAtt": ["MediaBucket", "RegionalDomainName"]}
    behavior = DISTRIBUTION["DefaultCacheBehavior"]
    for each in (behavior, *DISTRIBUTION["CacheBehaviors"]):
        signed = each.get("TrustedKeyGroups") == [{"Ref": "VideoKeyGroup"}]
        assert signed or ORIGINS[each["TargetOriginId"]]["OriginPath"] == "/thumbnails"
        assert each["ViewerProtocolPolicy"] == "https-only"
    assert behavior["AllowedMethods"] == ["GET", "HEAD"]
    assert behavior["ResponseHeadersPolicyId"] == {"Ref": "MediaHeadersPolicy"}


def test_only_the_distribution_may_read_the_bucket_from_outside() -> None:
    statements = RESOURCES["MediaBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [each for each in statements if each["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert allowed["Action"] == "s3:GetObject"
    assert allowed["Resource"] == [{"Fn::Sub": f"${{MediaBucket.Arn}}/{each}/*"} for each in ("thumbnails", "videos")]
    assert "${MediaDistribution}" in str(allowed["Condition"]["StringEquals"]["AWS:SourceArn"])


def test_videos_are_requested_by_their_key_and_never_cached() -> None:
    (behavior,) = DISTRIBUTION["CacheBehaviors"]
    assert behavior == {
        "PathPattern": "/videos/*",
        "TargetOriginId": "videos",
        "ViewerProtocolPolicy": "https-only",
        "TrustedKeyGroups": [{"Ref": "VideoKeyGroup"}],
        # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/header-caching.html#header-caching-web-cors
        "AllowedMethods": ["GET", "HEAD", "OPTIONS"],
        "CachedMethods": ["GET", "HEAD"],
        "Compress": False,
        # CachingDisabled:
        # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
        "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "OriginRequestPolicyId": {"Ref": "VideoRequestPolicy"},
        "ResponseHeadersPolicyId": {"Ref": "VideoHeadersPolicy"},
    }
    # Without a path of the origin, the URL's path is the key.
    assert "OriginPath" not in ORIGINS["videos"]
    assert fnmatchcase(urlsplit(video_url("https://m", video_key("u", "j"))).path, behavior["PathPattern"])
    assert not fnmatchcase(urlsplit(image_url("https://m", thumbnail_key("t", "j"))).path, behavior["PathPattern"])


def test_s3_gets_what_it_decides_on_and_nothing_else() -> None:
    forwarded = RESOURCES["VideoRequestPolicy"]["Properties"]["OriginRequestPolicyConfig"]
    assert forwarded["HeadersConfig"] == {
        "HeaderBehavior": "whitelist",
        # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/header-caching.html#header-caching-web-cors
        "Headers": ["Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method"],
    }
    assert forwarded["CookiesConfig"] == {"CookieBehavior": "none"}
    # S3 would take other headers from the query, too.
    only = {"QueryStringBehavior": "whitelist", "QueryStrings": ["response-content-disposition"]}
    assert forwarded["QueryStringsConfig"] == only


def test_videos_are_embedded_by_pages_and_found_by_nobody() -> None:
    headers = RESOURCES["VideoHeadersPolicy"]["Properties"]["ResponseHeadersPolicyConfig"]
    custom = {each["Header"]: each["Value"] for each in headers["CustomHeadersConfig"]["Items"]}
    assert custom == {"Cross-Origin-Resource-Policy": "cross-origin", "X-Robots-Tag": "noindex"}
    security = {"ContentTypeOptions", "ReferrerPolicy", "StrictTransportSecurity"}
    assert headers["SecurityHeadersConfig"].keys() == security


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("VideoKeyGroup", ["b70a97b0-0bd5-4c1b-8a2c-5d9f0e6f2a11", "KD7Q1ZKX3T9W2Y"], ["", "a b", "a,b", "a/b"]),
        ("VideoKeySecret", ["dreamvision/video-key", "video_key-2"], ["", "*", "a*", "a?", "a:b", "a b"]),
    ],
)
def test_the_keys_parameters_name_one_thing(name: str, accepted: list[str], refused: list[str]) -> None:
    pattern = TEMPLATE["Parameters"][name]["AllowedPattern"]
    assert all(re.fullmatch(pattern, value) for value in accepted)
    assert not any(re.fullmatch(pattern, value) for value in refused)


def test_uploads_expire_and_videos_expire_by_parameter() -> None:
    rules = RESOURCES["MediaBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    by_id = {rule["Id"]: rule for rule in rules if "Id" in rule}
    assert by_id["forgotten-uploads"]["Prefix"] == "uploads/"
    assert by_id["forgotten-uploads"]["ExpirationInDays"] == 1
    (conditional,) = [rule["Fn::If"] for rule in rules if "Fn::If" in rule]
    assert conditional[0] == "VideosExpire"
    assert (conditional[1]["Prefix"], conditional[1]["ExpirationInDays"]) == ("videos/", {"Ref": "VideoExpiryDays"})
    assert TEMPLATE["Parameters"]["VideoExpiryDays"]["Default"] == 0


def test_an_edge_keeps_a_deleted_image_for_an_hour_at_most() -> None:
    policy = RESOURCES["MediaCachePolicy"]["Properties"]["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"], policy["MaxTTL"]) == (0, 3600, 3600)
    cached = RESOURCES["MediaDistribution"]["Properties"]["DistributionConfig"]["DefaultCacheBehavior"]["CachePolicyId"]
    assert cached == {"Ref": "MediaCachePolicy"}


def test_a_role_touches_only_its_own_folders_of_the_media_bucket() -> None:
    found: dict[str, set[str]] = {}
    for name, function in FUNCTIONS:
        for statement in (each for policy in function.get("Policies", []) for each in policy["Statement"]):
            resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
            for action in (action for action in statement["Action"] if action.startswith("s3:")):
                for folder in (str(each.get("Fn::Sub", "")).partition("}/")[2] for each in resources):
                    found.setdefault(name.removesuffix("Function"), set()).add(f"{action[3:]} {folder}".strip())
    assert found == {
        "ApiUploads": {"PutObject uploads/*"},
        "ImageUploaded": {
            "GetObject uploads/*", "DeleteObject uploads/*", "PutObject thumbnails/*", "DeleteObject thumbnails/*"
        },
        "ArchiveVideo": {
            "AbortMultipartUpload videos/*",
            *(f"PutObject {folder}/*" for folder in ("videos", "thumbnails")),
            *(f"DeleteObject {folder}/*" for folder in ("videos", "thumbnails")),
        },
        "DeleteMedia": {"ListBucket", *(f"DeleteObject {folder}/*" for folder in ("videos", "thumbnails", "uploads"))},
    }  # fmt: skip
    (listing,) = [
        statement
        for policy in RESOURCES["DeleteMediaFunction"]["Properties"]["Policies"]
        for statement in policy["Statement"]
        if statement["Action"] == ["s3:ListBucket"]
    ]
    assert listing["Condition"] == {"StringLike": {"s3:prefix": ["videos/*", "uploads/*"]}}
