"""What language models are told of actions."""

import json
from typing import Any

import jsonschema_rs
import pytest

from tests.voice_agent.actions.schemas import appointment, document, only
from voice_agent.actions.schema import load
from voice_agent.actions.tools import instructions, schema_text, tool
from voice_pipelines.conversation.inline_actions import InlineActions


def test_the_appointment_actions_as_tools() -> None:
    """S004-22, S004-29, S004-30, S004-70"""
    tools = {action.name: tool(action) for action in load(appointment())}
    assert tools["hang_up_call"].parameters == {"type": "object", "properties": {}, "required": []}
    assert tools["press_phone_keys"].parameters == {
        "type": "object",
        "properties": {
            "value": {
                "type": "array",
                "items": {"type": ["string", "integer"]},
                "description": "the keys in order, of 0-9, * and #",
            }
        },
        "required": ["value"],
    }
    schedule = tools["schedule_call_with_brian"]
    assert schedule.description == (
        "When the call can be booked. Turn what was said into yyyy-MM-ddTHH:mm, and always ask "
        "whether the invitation has arrived.\n"
        'Example: <tells an address> -> {"firstName":"<first name>","company":"<company>",'
        '"datetime":"<ISO time>","email_address":"<address>"}'
    )
    assert schedule.parameters["required"] == ["firstName", "company", "datetime", "email_address"]
    assert schedule.parameters["properties"] == {
        "company": {"description": 'such as "<company>"'},
        "datetime": {
            "type": "string",
            "description": "a date and time written yyyy-MM-ddTHH:mm, such as 2024-05-01T09:30",
        },
        "email_address": {
            "type": "string",
            "description": "an e-mail address such as ann@example.com",
        },
        "firstName": {"description": 'such as "<first name>"'},
    }
    for each in tools.values():
        jsonschema_rs.Draft7Validator(dict(each.parameters), offline=True)


@pytest.mark.parametrize(
    ("name", "given", "example", "properties"),
    [
        ("wave", {}, None, {}),
        ("wave", {}, "true", {}),
        ("paint", {}, "red", {"value": {"description": 'such as "red"'}}),
        (
            "paint",
            {"type": "string", "enum": ["red"]},
            None,
            {"value": {"type": "string", "enum": ["red"]}},
        ),
        ("pick", {"type": "array"}, [1], {"value": {"items": {}, "type": "array"}}),
        (
            "transfer_call_to",
            {},
            "+14155552671",
            {
                "value": {
                    "type": "string",
                    "description": "the name or telephone number to transfer to",
                }
            },
        ),
        (
            "save",
            {"properties": {"a": {"type": "string"}}, "required": ["b"]},
            None,
            {"a": {"type": "string"}, "b": {}},
        ),
    ],
)
def test_parameters_are_always_an_object(
    name: str, given: dict[str, Any], example: Any, properties: dict[str, Any]
) -> None:
    """S004-34"""
    if example is not None:
        shown = {"user says": "x", "assistant action includes": {name: example}}
        given = {**given, "_examples": [shown]}
    parameters = tool(only(**{name: given})).parameters
    assert parameters["type"] == "object"
    assert parameters["properties"] == properties


def test_the_prompt_has_the_schema_without_what_is_private() -> None:
    """S004-18, S004-29, S004-30, S004-70"""
    given = appointment()
    constants = given["properties"]["schedule_call_with_brian"]["_webhook_constants"]
    constants["body"] = {"apiKey": "sesame"}
    text = schema_text(given)
    shown = json.loads(text)
    assert list(shown["properties"]) == list(given["properties"])
    for name, action in shown["properties"].items():
        assert action["_description"] == given["properties"][name]["_description"]
        assert action["_examples"] == given["properties"][name]["_examples"]
    assert (
        shown["properties"]["schedule_call_with_brian"]["_depends_on"][0] == "state.email_address"
    )
    assert "sesame" not in text and "hooks.example.com" not in text


def test_the_instructions_for_a_model_without_tools() -> None:
    """S004-18, S004-22, S004-29, S004-70"""
    given = appointment()
    text = instructions(load(given))
    lines = text.partition("<tools>\n")[2].partition("\n</tools>")[0].splitlines()
    functions = {found["name"]: found for found in (json.loads(line)["function"] for line in lines)}
    assert list(functions) == list(given["properties"])
    for name, function in functions.items():
        assert given["properties"][name]["_description"] in function["description"]
    assert "hooks.example.com" not in text
    assert instructions(load(document())) == ""


def test_what_the_instructions_ask_for_is_understood() -> None:
    """S004-22"""
    wanted = '<tool_call>\n{"name": "hang_up_call", "arguments": {}}\n</tool_call>'
    pieces = InlineActions(["hang_up_call"]).push(f"Bye. {wanted}")
    assert [piece for piece in pieces if not isinstance(piece, str)] == [("hang_up_call", "{}")]
    assert "tool_call" not in "".join(piece for piece in pieces if isinstance(piece, str))
