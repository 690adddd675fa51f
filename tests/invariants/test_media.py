"""The media bucket and its distribution: who reads what, with which signature, and for how long."""

from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

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
    # Without a path of the origin, the URL's path is the key.
    assert "OriginPath" not in ORIGINS[behavior["TargetOriginId"]]
    assert fnmatchcase(urlsplit(video_url("https://m", video_key("u", "j"))).path, behavior["PathPattern"])
    assert not fnmatchcase(urlsplit(image_url("https://m", thumbnail_key("t", "j"))).path, behavior["PathPattern"])
    # CachingDisabled:
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
    assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"


def test_the_bucket_decides_which_pages_may_read_a_video() -> None:
    (behavior,) = DISTRIBUTION["CacheBehaviors"]
    assert behavior["OriginRequestPolicyId"] == {"Ref": "VideoRequestPolicy"}
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/header-caching.html#header-caching-web-cors
    assert behavior["AllowedMethods"] == ["GET", "HEAD", "OPTIONS"]
    forwarded = RESOURCES["VideoRequestPolicy"]["Properties"]["OriginRequestPolicyConfig"]
    assert sorted(forwarded["HeadersConfig"]["Headers"]) == [
        "Access-Control-Request-Headers", "Access-Control-Request-Method", "Origin"
    ]  # fmt: skip
    assert forwarded["CookiesConfig"] == {"CookieBehavior": "none"}
    # S3 would take other headers from the query, too.
    assert forwarded["QueryStringsConfig"]["QueryStrings"] == ["response-content-disposition"]


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
