"""Plain data -> YAML text that reads back as the same data, here and in tools that know YAML 1.1 only."""

from __future__ import annotations

from typing import Any

import yaml

from fashionbatch.recipe.nodes import scalar_value

_ODD_LINE_ENDS = "\r\x85\u2028\u2029"


class _Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would take for something else than text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - the same
        super().increase_indent(flow, False)  # lists are indented under their key


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "'" if _looks_like_another_type(text) else None
    if any(char in text for char in _ODD_LINE_ENDS):
        style = '"'  # the one style that writes them as escapes; in the others they are read back as spaces
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    flat = all(not isinstance(item, dict | list) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flat)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def to_yaml(data: dict[str, Any]) -> str:
    """YAML text of mappings, lists and scalars, in the order that they have."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False)


def to_flow(data: dict[str, Any]) -> str:
    """A mapping in one line, such as `{name: image_folder, path: photos}`."""
    text: str = yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31, default_flow_style=True
    )
    return text.strip()


def _looks_like_another_type(text: str) -> bool:
    # YAML 1.1's own cases (`no`, `12:30`) the dumper quotes by itself.
    try:
        return not isinstance(scalar_value(text), str)
    except ValueError:
        return True
