"""Prompts with keywords in handlebars syntax: parsed once, checked, and rendered without code.

::

    {{actionsSchema}}  {{currentDatetime}}  {{details.key}}  {{details.[key]}}  {{! a remark }}
    {{#each scenarios}} {{context}} {{this.responseGuidelines}} {{@index}}
        {{#each personaSays}} {{this}} {{/each}}
    {{/each}}

The renderer is our own, for lack of a library that fits: those with handlebars syntax (pybars3)
generate Python, escape HTML and are no longer kept, and mustache (chevron, pystache) has neither
``#each`` nor plain text; python-liquid is well kept, with another syntax and without limits by
default. What is needed is small: four keywords, one kind of loop, and never an error at run time.

`template_parser` reads them. What it does not understand is a `Finding` when a persona is saved,
and *nothing* when it is rendered. Values are put in once: braces in them mean nothing. Only items
of JSON objects and of lists can be reached, never an attribute.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import JsonValue

from .findings import Finding
from .keywords import DETAILS


@dataclass(frozen=True, slots=True)
class Value:
    """A keyword, a detail or an item of the loop's current value."""

    path: tuple[str, ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Each:
    """A block that is repeated for each item of a list."""

    path: tuple[str, ...]
    body: tuple["Node", ...]
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Listing:
    """All scenarios in the usual form: what ``***SCENARIOS_LIST***`` stood for."""


Node: TypeAlias = str | Value | Each | Listing


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template with all that was found against it."""

    nodes: tuple[Node, ...]
    findings: tuple[Finding, ...]

    def details(self) -> tuple[Value, ...]:
        """The places that take a detail."""
        return tuple(value for value in _values(self.nodes) if value.path[0] == DETAILS)

    def uses(self, keyword: str) -> bool:
        """True if ``actionsSchema``, ``currentDatetime``, ``details`` or ``scenarios`` appears."""
        if keyword == "scenarios":
            return any(isinstance(node, Each | Listing) for node in self.nodes)
        return any(value.path[0] == keyword for value in _values(self.nodes))


@dataclass(frozen=True, slots=True)
class Frame:
    """What names mean inside a block."""

    this: JsonValue
    index: int


def render(
    nodes: Sequence[Node],
    values: Mapping[str, JsonValue],
    frame: Frame | None = None,
) -> str:
    """The text, with nothing for what is unknown. `Listing` nodes are the caller's to replace."""
    parts: list[str] = []
    for node in nodes:
        match node:
            case str():
                parts.append(node)
            case Value():
                parts.append(spoken(_look_up(node.path, values, frame)))
            case Each():
                items = _look_up(node.path, values, frame)
                if isinstance(items, list):
                    parts += (
                        render(node.body, values, Frame(item, index))
                        for index, item in enumerate(items)
                    )
            case Listing():
                pass
    return "".join(parts)


def spoken(value: JsonValue) -> str:
    """A value as text: JSON for what is neither text nor nothing."""
    match value:
        case None:
            return ""
        case str():
            return value
        case list() if all(isinstance(item, str) for item in value):
            return " / ".join(str(item) for item in value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def resolve(value: JsonValue, path: Sequence[str]) -> JsonValue:
    """The item of nested objects and lists at `path`, None if there is none."""
    for key in path:
        match value:
            case dict():
                value = value.get(key)
            case list() if key.isdecimal() and len(key) < 6 and int(key) < len(value):
                value = value[int(key)]
            case _:
                return None
    return value


def _look_up(
    path: tuple[str, ...], values: Mapping[str, JsonValue], frame: Frame | None
) -> JsonValue:
    head, *rest = path
    if frame is not None:
        if head == "this":
            return resolve(frame.this, rest)
        if head == "@index":
            return frame.index
        if isinstance(frame.this, dict) and head in frame.this:
            return resolve(frame.this[head], rest)
    return resolve(values.get(head), rest)


def _values(nodes: Sequence[Node]) -> Iterator[Value]:
    for node in nodes:
        if isinstance(node, Value):
            yield node
        elif isinstance(node, Each):
            yield from _values(node.body)
