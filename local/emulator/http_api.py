"""Create the routes of the HTTP API.

The emulator's CloudFormation ignores the OpenAPI ``Body`` that SAM generates for an ``AWS::Serverless::HttpApi``, and
the API has no routes. This module reads the processed template and creates authorizers, integrations, routes and CORS
settings through API Gateway's API. Remove it once the emulator supports ``Body``.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from local.cloudformation_yaml import load_template
from local.settings import REGION
from local.transformed import Evaluation

_METHODS = ("get", "post", "put", "patch", "delete", "options", "head")
_ACCOUNT = "000000000000"


class Route(NamedTuple):
    """A route of the template: its key, logical id of the function's alias, authorizer (``None`` if public), scopes."""

    key: str
    alias: str
    authorizer: str | None
    scopes: tuple[str, ...]


class Names:
    """Physical ids and parameter values, to resolve the template's references."""

    def __init__(self, physical_ids: Mapping[str, str], parameters: Mapping[str, str]) -> None:
        self._values = {
            **parameters,
            **physical_ids,
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::AccountId": _ACCOUNT,
        }

    def resolve(self, value: Any) -> Any:  # noqa: ANN401 - a template's value has any shape
        """Return ``value`` with ``Ref`` and ``Fn::Sub`` resolved.

        Raises:
            KeyError: a reference names an unknown resource or parameter.
        """
        if isinstance(value, list):
            return [self.resolve(each) for each in value]
        if not isinstance(value, dict):
            return value
        if "Ref" in value:
            return self._values[value["Ref"]]
        if "Fn::Sub" in value:
            return re.sub(r"\$\{([^}]+)\}", lambda found: self._values[found[1]], value["Fn::Sub"])
        return {key: self.resolve(each) for key, each in value.items()}


def routes_of(body: Mapping[str, Any]) -> Iterator[Route]:
    """Return the routes in SAM's OpenAPI document."""
    for path, operations in body["paths"].items():
        for method, operation in operations.items():
            if method not in _METHODS:
                continue
            uri = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            alias = re.search(r"\$\{(\w+Alias\w+)\}", uri)
            if alias is None:
                raise ValueError(f"no alias in {uri}")
            required = [item for item in operation.get("security", []) if "NONE" not in item]
            authorizer, scopes = next(iter(required[0].items())) if required else (None, [])
            yield Route(f"{method.upper()} {path}", alias[1], authorizer, tuple(scopes))


def bring_api_in_line(gateway: Any, cloudformation: Any, stack: str, api_id: str) -> None:  # noqa: ANN401
    """Create, update and delete routes until the API matches the template. Idempotent."""
    template = cloudformation.get_template(StackName=stack, TemplateStage="Processed")["TemplateBody"]
    names = _names(cloudformation, stack)
    body = template["Resources"]["Api"]["Properties"]["Body"]
    authorizers = _authorizers(gateway, api_id, body, names)
    wanted = {route.key: route for route in routes_of(body)}
    integrations = _integrations(gateway, api_id, {route.alias for route in wanted.values()}, names)
    present = {route["RouteKey"]: route for route in gateway.get_routes(ApiId=api_id)["Items"]}
    for key in present.keys() - wanted.keys():
        gateway.delete_route(ApiId=api_id, RouteId=present[key]["RouteId"])
    for key, route in wanted.items():
        settings: dict[str, Any] = {"RouteKey": key, "Target": f"integrations/{integrations[route.alias]}"}
        if route.authorizer:
            settings |= {"AuthorizationType": "JWT", "AuthorizerId": authorizers[route.authorizer]}
            settings["AuthorizationScopes"] = list(route.scopes)
        else:
            settings["AuthorizationType"] = "NONE"
        if key in present:
            gateway.update_route(ApiId=api_id, RouteId=present[key]["RouteId"], **settings)
        else:
            gateway.create_route(ApiId=api_id, **settings)
    # The emulator's SAM transform substitutes the parameters' defaults, so take CORS from the original template.
    original = load_template(cloudformation.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"])
    declared = original["Resources"]["Api"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-cors"]
    cors = Evaluation(original, _parameters(cloudformation, stack)).value(declared)
    settings_by_name = {f"{name[0].upper()}{name[1:]}": value for name, value in cors.items()}
    gateway.update_api(ApiId=api_id, CorsConfiguration=settings_by_name)


def _names(cloudformation: Any, stack: str) -> Names:  # noqa: ANN401
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    physical_ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    return Names(physical_ids, _parameters(cloudformation, stack))


def _parameters(cloudformation: Any, stack: str) -> dict[str, str]:  # noqa: ANN401
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}


def _authorizers(gateway: Any, api_id: str, body: Mapping[str, Any], names: Names) -> dict[str, str]:  # noqa: ANN401
    present = {each["Name"]: each["AuthorizerId"] for each in gateway.get_authorizers(ApiId=api_id)["Items"]}
    for name, scheme in body["components"]["securitySchemes"].items():
        declared = names.resolve(scheme["x-amazon-apigateway-authorizer"])
        settings = {
            "Name": name,
            "AuthorizerType": "JWT",
            "IdentitySource": [declared["identitySource"]],
            "JwtConfiguration": {
                "Issuer": declared["jwtConfiguration"]["issuer"],
                "Audience": declared["jwtConfiguration"]["audience"],
            },
        }
        if name in present:
            gateway.update_authorizer(ApiId=api_id, AuthorizerId=present[name], **settings)
        else:
            present[name] = gateway.create_authorizer(ApiId=api_id, **settings)["AuthorizerId"]
    return present


def _integrations(gateway: Any, api_id: str, aliases: set[str], names: Names) -> dict[str, str]:  # noqa: ANN401
    present = {
        each.get("IntegrationUri"): each["IntegrationId"] for each in gateway.get_integrations(ApiId=api_id)["Items"]
    }
    found: dict[str, str] = {}
    for alias in aliases:
        uri = names.resolve({"Ref": alias})
        if uri not in present:
            created = gateway.create_integration(
                ApiId=api_id, IntegrationType="AWS_PROXY", IntegrationUri=uri, PayloadFormatVersion="2.0"
            )
            present[uri] = created["IntegrationId"]
        found[alias] = present.pop(uri)
    for left_over in present.values():
        gateway.delete_integration(ApiId=api_id, IntegrationId=left_over)
    return found
