"""How a language model is told of actions: as tools, or in the prompt."""

import json
from collections.abc import Mapping
from typing import Any

from voice_pipelines.ports import Tool

from .action import PRESS_KEYS, SEND_SMS, TRANSFER, VALUE, Action, Actions

_EXAMPLES = 2
"""As many as a tool's description shows: a model on a small machine reads them in every prompt."""
_PRIVATE = ("_webhook_constants", "_confirm", "_rate_limit")
"""What is not the language model's business: addresses, keys, guards."""
_BARE: dict[str, dict[str, Any]] = {
    TRANSFER: {"type": "string", "description": "the name or telephone number to transfer to"},
    SEND_SMS: {"type": "string", "description": "the text of the message"},
    PRESS_KEYS: {
        "type": "array",
        "items": {"type": ["string", "integer"]},
        "description": "the keys in order, of 0-9, * and #",
    },
}
_NOTHING: tuple[object, ...] = (None, True, "true", "", {})
"""Example values that say no more than that the action is taken."""
_INSTRUCTIONS = """\
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{functions}
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""
"""Word for word what open models (Hermes, Qwen) were trained on. A small one that reads the same
functions in other words, or the schema itself, recites the examples and hangs up at will."""


def tool(action: Action) -> Tool:
    """`action` as a tool of a language model; a bare value goes by the name ``value``."""
    shown = [
        f"Example: {example.user_says} -> {_compact(example.action_includes[action.name])}"
        for example in action.examples[:_EXAMPLES]
        if action.name in example.action_includes
    ]
    return Tool(action.name, "\n".join([action.description, *shown]), _parameters(action))


def schema_text(document: Mapping[str, Any]) -> str:
    """A schema as JSON for a prompt: without addresses, constants and guards."""
    properties = document.get("properties")
    shown = {
        name: {key: value for key, value in action.items() if key not in _PRIVATE}
        if isinstance(action, Mapping)
        else action
        for name, action in (properties.items() if isinstance(properties, Mapping) else ())
    }
    return _compact({**document, "properties": shown})


def instructions(actions: Actions) -> str:
    """The prompt's part on actions for a model without a tool interface; empty if there are none.

    All actions are in it, so that it stays the same all through a conversation.
    """
    if not len(actions):
        return ""
    return _INSTRUCTIONS.format(functions="\n".join(map(_function, actions)))


def _function(action: Action) -> str:
    shown = tool(action)
    # No word on dependencies: told of them, a small model takes the dependent action first.
    function = {
        "name": shown.name,
        "description": shown.description,
        "parameters": shown.parameters,
    }
    return json.dumps({"type": "function", "function": function}, ensure_ascii=False)


def _parameters(action: Action) -> dict[str, Any]:
    if not action.takes_object:
        value = _bare(action)
        properties = {} if value is None else {VALUE: value}
        return {"type": "object", "properties": properties, "required": list(properties)}
    known = action.parameters.get("properties", {})
    shown = {name: _described(action, name) for name in sorted(action.fields)}
    return {**action.parameters, "type": "object", "properties": {**shown, **known}}


def _bare(action: Action) -> dict[str, Any] | None:
    """The schema of a bare value; None if the action has none worth asking for."""
    fallback = _BARE.get(action.name)
    if "type" in action.parameters:
        given = dict(action.parameters)
        wants_items = given["type"] == "array" and "items" not in given
        return {**(fallback or {"items": {}}), **given} if wants_items else given
    examples = [e.action_includes.get(action.name) for e in action.examples]
    if fallback is None and all(example in _NOTHING for example in examples):
        return None
    return fallback or {**action.parameters, "description": f"such as {_compact(examples[0])}"}


def _described(action: Action, name: str) -> dict[str, Any]:
    """What the schema tells of a value that it does not define: most only show it in examples."""
    if (validator := action.validators.get(name)) is not None:
        return {"type": "string", "description": validator.expects}
    for example in action.examples:
        shown = example.action_includes.get(action.name)
        if isinstance(shown, Mapping) and name in shown:
            return {"description": f"such as {_compact(shown[name])}"}
    return {}


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
