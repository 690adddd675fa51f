"""Read CloudFormation's YAML with its short forms (``!Ref``, ``!Sub`` ...) as long ones, and write templates."""

from typing import Any

import yaml


class TemplateSyntaxError(Exception):
    """A template is not valid YAML. The message contains the place."""


class _Loader(yaml.CSafeLoader):
    """YAML loader with tags for intrinsic functions. Based on libyaml, which is much faster than pure PyYAML."""


def _intrinsic(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


_Loader.add_multi_constructor("!", _intrinsic)


def load_template(text: str) -> dict[str, Any]:
    """Parse a template, with every intrinsic function in its long form.

    Raises:
        TemplateSyntaxError: it is not valid YAML.
    """
    try:
        template: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a safe loader whose extra tags only produce dicts
    except yaml.YAMLError as error:
        raise TemplateSyntaxError(f"The template is not valid YAML: {error}") from error
    return template


def render_template(template: dict[str, Any]) -> str:
    """Return the template as YAML without anchors, which CloudFormation does not accept."""

    class _Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401 - the base class's signature
            return True

    return yaml.dump(template, Dumper=_Dumper, sort_keys=False)
