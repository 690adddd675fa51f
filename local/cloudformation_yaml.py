"""CloudFormation's YAML: the short forms (``!Ref``, ``!Sub`` ...) read as the long ones."""

from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    """Knows the tags of intrinsic functions. With libyaml, which is much faster than PyYAML itself."""


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
    """A template with every intrinsic function in its long form."""
    template: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a safe loader with tags that only make dicts
    return template


def render_template(template: dict[str, Any]) -> str:
    """The template as YAML, without anchors, which CloudFormation does not take."""

    class _Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401 - the base class's signature
            return True

    return yaml.dump(template, Dumper=_Dumper, sort_keys=False)
