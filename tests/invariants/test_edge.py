"""CloudFront, WAF and domains in front of the APIs, as CloudFormation receives them; all of it off by default."""

import json
from functools import cache
from typing import Any

import pytest

from dreamvision_api.request_body import MAX_BODY_BYTES
from local import transformed as module
from local.transformed import Evaluation, transformed
from tests.fakes.aws import template

CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
EDGE_CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/2"
WEB_ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/own/1"
API, SOCKET, PAGE, MEDIA = (f"{name}.example.com" for name in ("api", "live", "www", "images"))
REGIONAL = {"ApiDomain": API, "WebSocketDomain": SOCKET, "CertificateArn": CERTIFICATE}
EDGE = {"PageDomain": PAGE, "HostPage": "true", "MediaDomain": MEDIA, "EdgeCertificateArn": EDGE_CERTIFICATE}
FUNCTIONS = {
    name
    for name, each in template()["Resources"].items()
    if any(event["Type"] == "HttpApi" for event in each.get("Properties", {}).get("Events", {}).values())
}

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html: capacity units by name.
MANAGED_GROUPS = {
    "AWSManagedRulesCommonRuleSet": 700,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesAmazonIpReputationList": 25,
}
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html: rules that inspect bodies
COMMON_BODY_RULES = {
    "SizeRestrictions_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "CrossSiteScripting_BODY",
}


@cache
def _evaluation(items: frozenset[tuple[str, str]]) -> Evaluation:
    overrides = dict(items)
    return Evaluation(transformed(overrides), overrides)


def evaluation(**overrides: str) -> Evaluation:
    return _evaluation(frozenset(overrides.items()))


def resources(**overrides: str) -> dict[str, dict[str, Any]]:
    return evaluation(**overrides).resources()


def of_type(kind: str, **overrides: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in resources(**overrides).items() if each["Type"] == kind}


def output(name: str, **overrides: str) -> Any:
    return evaluation(**overrides).value(template()["Outputs"][name]["Value"])


def variables(function: str, **overrides: str) -> dict[str, str]:
    found: dict[str, str] = resources(**overrides)[function]["Properties"]["Environment"]["Variables"]
    return found


def endpoint_is_off(**overrides: str) -> bool:
    (server,) = resources(**overrides)["Api"]["Properties"]["Body"]["servers"]
    value: bool = server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"]
    return value


# ---------------------------------------------------------------- off by default


def test_nothing_of_it_exists_by_default() -> None:
    kinds = {each["Type"] for each in resources().values()}
    assert kinds.isdisjoint(
        {
            "AWS::WAFv2::WebACL",
            "AWS::CloudFront::Function",
            "AWS::IAM::Policy",
            "AWS::ApiGatewayV2::DomainName",
            "AWS::ApiGatewayV2::ApiMapping",
            "AWS::Route53::RecordSetGroup",
        }
    )
    assert of_type("AWS::CloudFront::Distribution").keys() == {"MediaDistribution"}
    assert endpoint_is_off() is False
    assert resources()["WebSocketApi"]["Properties"]["DisableExecuteApiEndpoint"] is False
    assert {variables(function)["ORIGIN_SECRET"] for function in FUNCTIONS} == {""}
    assert evaluation().refusals() == []


def test_the_default_addresses_are_those_of_aws() -> None:
    assert output("ApiUrl") == "<Api.ApiEndpoint>"
    assert output("WebSocketUrl") == "wss://<WebSocketApi>.execute-api.us-east-1.amazonaws.com/v1"
    assert output("PageUrl", HostPage="true") == "https://<WebsiteDistribution.DomainName>"
    assert variables("ApiDreamsFunction")["MEDIA_BASE_URL"] == "https://<MediaDistribution.DomainName>"


# ---------------------------------------------------------------- parameters that belong together


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"ApiDomain": API}, "CertificateArn"),
        ({"WebSocketDomain": SOCKET}, "CertificateArn"),
        ({"ApiDomain": API, "EdgeCertificateArn": EDGE_CERTIFICATE}, "CertificateArn"),
        ({"CertificateArn": CERTIFICATE}, "ApiDomain"),
        ({"CertificateArn": CERTIFICATE, "ApiDomain": API, "ApiCloudFront": "true"}, "EdgeCertificateArn"),
        ({"PageDomain": PAGE, "HostPage": "true"}, "EdgeCertificateArn"),
        ({"PageDomain": PAGE, "EdgeCertificateArn": EDGE_CERTIFICATE}, "HostPage=true"),
        ({"MediaDomain": MEDIA}, "EdgeCertificateArn"),
        ({"MediaBaseUrl": "https://cdn.example.com"}, "MediaDomain"),
        ({"ApiDomain": API, "ApiCloudFront": "true"}, "EdgeCertificateArn"),
        ({"EdgeCertificateArn": EDGE_CERTIFICATE}, "PageDomain"),
        ({"EdgeCertificateArn": EDGE_CERTIFICATE, **REGIONAL}, "PageDomain"),
        ({"HostedZoneId": "Z1D633PJN98FT9"}, "HostedZoneId"),
        ({"WebAclArn": WEB_ACL}, "ApiCloudFront=true"),
        ({"ApiCloudFront": "true", "OriginSecret": "dreamvision/origin"}, "OriginSecret"),
    ],
)
def test_half_given_parameters_are_refused_with_the_missing_name(parameters: dict[str, str], named: str) -> None:
    refusals = evaluation(**parameters).refusals()
    assert refusals
    assert any(named in refusal for refusal in refusals)


@pytest.mark.parametrize(
    "parameters",
    [
        REGIONAL,
        EDGE,
        {**REGIONAL, **EDGE, "HostedZoneId": "Z1D633PJN98FT9"},
        {"ApiCloudFront": "true"},
        {"ApiCloudFront": "true", "WebAclArn": WEB_ACL},
        {"ApiCloudFront": "true", "ApiDomain": API, "EdgeCertificateArn": EDGE_CERTIFICATE},
        {"ApiCloudFront": "true", "EdgeCertificateArn": EDGE_CERTIFICATE, **REGIONAL},
        {"OriginSecret": "dreamvision/origin"},
    ],
)
def test_complete_parameters_are_accepted(parameters: dict[str, str]) -> None:
    assert evaluation(**parameters).refusals() == []


# ---------------------------------------------------------------- domains


def test_a_domain_replaces_the_default_address() -> None:
    assert endpoint_is_off(**REGIONAL) is True
    assert resources(**REGIONAL)["WebSocketApi"]["Properties"]["DisableExecuteApiEndpoint"] is True
    assert output("ApiUrl", **REGIONAL) == f"https://{API}"
    assert output("WebSocketUrl", **REGIONAL) == f"wss://{SOCKET}"
    # Without the default address, connections are managed at the domain, which is mapped to the stage.
    for name, function in of_type("AWS::Lambda::Function", **REGIONAL).items():
        endpoint = function["Environment"]["Variables"].get("CONNECTIONS_ENDPOINT", f"https://{SOCKET}")
        assert endpoint == f"https://{SOCKET}", name


def test_domains_are_regional_and_mapped_to_the_stages() -> None:
    found = resources(**REGIONAL)
    for name, domain in of_type("AWS::ApiGatewayV2::DomainName", **REGIONAL).items():
        (configuration,) = domain["DomainNameConfigurations"]
        assert configuration == {
            "CertificateArn": CERTIFICATE,
            "EndpointType": "REGIONAL",
            "SecurityPolicy": "TLS_1_2",
        }, name
    mappings = of_type("AWS::ApiGatewayV2::ApiMapping", **REGIONAL)
    assert {each["ApiId"] for each in mappings.values()} == {"<Api>", "<WebSocketApi>"}
    for each in mappings.values():
        stage = found[each["Stage"].strip("<>")]
        assert (stage["Type"], stage["Properties"]["ApiId"]) == ("AWS::ApiGatewayV2::Stage", each["ApiId"])
        assert "ApiMappingKey" not in each
    assert len({each["DomainName"] for each in mappings.values()}) == 2, "HTTP and WebSocket APIs cannot share a domain"


def test_page_and_images_have_their_domains() -> None:
    for name, domain in (("WebsiteDistribution", PAGE), ("MediaDistribution", MEDIA)):
        config = of_type("AWS::CloudFront::Distribution", **EDGE)[name]["DistributionConfig"]
        assert config["Aliases"] == [domain]
        assert config["ViewerCertificate"]["AcmCertificateArn"] == EDGE_CERTIFICATE
        assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert output("PageUrl", **EDGE) == f"https://{PAGE}"
    assert variables("ApiDreamsFunction", **EDGE)["MEDIA_BASE_URL"] == f"https://{MEDIA}"


def test_the_pages_policy_allows_the_addresses_in_use() -> None:
    headers = resources(**REGIONAL, **EDGE)["WebsiteHeaders"]["Properties"]["ResponseHeadersPolicyConfig"]
    policy = headers["SecurityHeadersConfig"]["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["connect-src"].startswith(f"'self' https://{API} wss://{SOCKET} ")
    for name in ("connect-src", "img-src", "media-src"):
        assert f"https://{MEDIA}" in directives[name].split()
    assert "execute-api" not in policy


def test_the_hosted_zone_gets_a_record_of_each_domain() -> None:
    everything = {**REGIONAL, **EDGE, "HostedZoneId": "Z1D633PJN98FT9"}
    group = resources(**everything)["DomainRecords"]["Properties"]
    assert group["HostedZoneId"] == "Z1D633PJN98FT9"
    assert [(each["Name"], each["Type"]) for each in group["RecordSets"]] == [
        (API, "A"), (SOCKET, "A"), (PAGE, "A"), (PAGE, "AAAA"), (MEDIA, "A"), (MEDIA, "AAAA")
    ]  # fmt: skip
    behind = {"ApiCloudFront": "true", "ApiDomain": API, "EdgeCertificateArn": EDGE_CERTIFICATE, "HostedZoneId": "Z1"}
    targets = [each["AliasTarget"] for each in resources(**behind)["DomainRecords"]["Properties"]["RecordSets"]]
    # The zone of all distributions, by the documentation of AWS::Route53::RecordSetGroup AliasTarget.
    assert targets == [{"DNSName": "<ApiDistribution.DomainName>", "HostedZoneId": "Z2FDTNDATAQYW2"}] * 2


# ---------------------------------------------------------------- CloudFront in front of the HTTP API


def distribution(**overrides: str) -> dict[str, Any]:
    everything = {"ApiCloudFront": "true", **overrides}
    config: dict[str, Any] = resources(**everything)["ApiDistribution"]["Properties"]["DistributionConfig"]
    return config


def test_one_parameter_puts_cloudfront_in_front_of_the_api() -> None:
    config = distribution()
    (origin,) = config["Origins"]
    assert origin["DomainName"] == "<Api>.execute-api.us-east-1.amazonaws.com"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    # Longer than API Gateway's 30 s; CloudFront allows 60 s without a quota increase.
    assert 30 < origin["CustomOriginConfig"]["OriginReadTimeout"] <= 60
    assert output("ApiUrl", ApiCloudFront="true") == "https://<ApiDistribution.DomainName>"
    assert endpoint_is_off(ApiCloudFront="true") is False, "it is the origin"
    domain = {"ApiDomain": API, "EdgeCertificateArn": EDGE_CERTIFICATE}
    assert output("ApiUrl", ApiCloudFront="true", **domain) == f"https://{API}"
    assert distribution(**domain)["Aliases"] == [API]
    assert "ApiDomainName" not in resources(ApiCloudFront="true", **domain)


def test_it_caches_nothing_and_forwards_all_headers_but_host() -> None:
    behavior = distribution()["DefaultCacheBehavior"]
    assert (behavior["CachePolicyId"], behavior["OriginRequestPolicyId"]) == (CACHING_DISABLED, ALL_VIEWER_EXCEPT_HOST)
    assert "CacheBehaviors" not in distribution()
    methods = {route.split()[0] for route in _routes()}
    assert methods <= set(behavior["AllowedMethods"])
    assert len(behavior["AllowedMethods"]) == 7, "CloudFront accepts all methods or those without a body"
    assert behavior["ViewerProtocolPolicy"] == "https-only"


def _routes() -> list[str]:
    paths = resources()["Api"]["Properties"]["Body"]["paths"]
    return [f"{method.upper()} {path}" for path, operations in paths.items() for method in operations]


def test_the_viewers_address_is_set_at_the_edge_and_read_by_the_api() -> None:
    everything = {"ApiCloudFront": "true"}
    (association,) = distribution()["DefaultCacheBehavior"]["FunctionAssociations"]
    assert association["EventType"] == "viewer-request"
    code = resources(**everything)["ViewerAddressFunction"]["Properties"]["FunctionCode"]
    header = variables("ApiAuthFunction", **everything)["VIEWER_ADDRESS_HEADER"]
    assert f"headers['{header}'] = {{value: event.viewer.ip + ':0'}}" in code
    assert variables("ApiAuthFunction")["VIEWER_ADDRESS_HEADER"] == "cloudfront-viewer-address"


@pytest.mark.parametrize("parameters", [{"ApiCloudFront": "true"}, {"OriginSecret": "dreamvision/origin"}])
def test_every_function_of_the_http_api_refuses_direct_requests(parameters: dict[str, str]) -> None:
    secret = "<ApiOriginSecret>" if "ApiCloudFront" in parameters else "dreamvision/origin"
    for function in FUNCTIONS:
        assert variables(function, **parameters)["ORIGIN_SECRET"] == secret, function
    policy = resources(**parameters)["OriginSecretPolicy"]["Properties"]
    assert sorted(policy["Roles"]) == sorted(f"<{function}Role>" for function in FUNCTIONS)
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["secretsmanager:GetSecretValue"]
    assert secret.strip("<>") in statement["Resource"]


def test_the_distribution_sends_the_current_value_of_the_secret() -> None:
    (header,) = distribution()["Origins"][0]["OriginCustomHeaders"]
    assert header == {
        "HeaderName": "x-origin-secret",
        "HeaderValue": "{{resolve:secretsmanager:<ApiOriginSecret>:SecretString:current}}",
    }
    generated = resources(ApiCloudFront="true")["ApiOriginSecret"]["Properties"]["GenerateSecretString"]
    assert generated["GenerateStringKey"] == "current"
    assert json.loads(generated["SecretStringTemplate"]) == {"previous": ""}
    assert generated["PasswordLength"] >= 32
    # CloudFormation resolves the value again only if another property changes.
    assert distribution()["Comment"] != distribution(OriginSecretVersion="2")["Comment"]


# ---------------------------------------------------------------- WAF


def web_acl() -> dict[str, Any]:
    found: dict[str, Any] = resources(ApiCloudFront="true")["ApiWebAcl"]["Properties"]
    return found


def test_the_stack_creates_a_web_acl_only_where_that_is_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-wafv2-webacl.html: Scope
    assert distribution()["WebACLId"] == "<ApiWebAcl.Arn>"
    assert distribution(WebAclArn=WEB_ACL)["WebACLId"] == WEB_ACL
    assert "ApiWebAcl" not in resources(ApiCloudFront="true", WebAclArn=WEB_ACL)
    _evaluation.cache_clear()
    monkeypatch.setitem(module._PSEUDO_PARAMETERS, "AWS::Region", "eu-central-1")
    assert "ApiWebAcl" not in resources(ApiCloudFront="true")
    assert "WebACLId" not in distribution()
    assert distribution(WebAclArn=WEB_ACL)["WebACLId"] == WEB_ACL
    _evaluation.cache_clear()


def test_the_managed_rule_groups_exist_and_fit_into_the_base_price() -> None:
    groups = [
        rule["Statement"]["ManagedRuleGroupStatement"]
        for rule in web_acl()["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    ]
    assert {group["Name"] for group in groups} == MANAGED_GROUPS.keys()
    assert {group["VendorName"] for group in groups} == {"AWS"}
    # 2 units for a rate, 1 for a size. More than 1,500 cost extra.
    assert sum(MANAGED_GROUPS.values()) + 3 <= 1500


def test_dreams_and_passwords_are_not_taken_for_attacks() -> None:
    (common,) = [rule for rule in web_acl()["Rules"] if rule["Name"] == "Common"]
    overrides = common["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert {each["Name"] for each in overrides} == COMMON_BODY_RULES
    assert all(each["ActionToUse"] == {"Count": {}} for each in overrides)


def test_larger_bodies_than_the_functions_accept_are_refused_at_the_edge() -> None:
    (rule,) = [rule for rule in web_acl()["Rules"] if "SizeConstraintStatement" in rule["Statement"]]
    statement = rule["Statement"]["SizeConstraintStatement"]
    assert (statement["ComparisonOperator"], statement["Size"]) == ("GT", MAX_BODY_BYTES)
    # Of a larger body WAF sees the beginning only: it must count as a match.
    assert statement["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}
    limit = web_acl()["AssociationConfig"]["RequestBody"]["CLOUDFRONT"]["DefaultSizeInspectionLimit"]
    assert int(limit.removeprefix("KB_")) * 1024 == MAX_BODY_BYTES
    response = rule["Action"]["Block"]["CustomResponse"]
    assert response["ResponseCode"] == 413
    assert json.loads(web_acl()["CustomResponseBodies"][response["CustomResponseBodyKey"]]["Content"])["message"]


def test_rules_have_an_order() -> None:
    assert [rule["Priority"] for rule in web_acl()["Rules"]] == list(range(len(web_acl()["Rules"])))
