"""Actions schemas: what loads, what is refused, with which path."""

from typing import Any

import pytest

from tests.voice_agent.actions.schemas import appointment, document, loaded, only
from voice_agent.actions.action import Kind, SchemaInvalid
from voice_agent.actions.schema import DRAFT_07, load

HOOK = {"url": "https://hooks.example.com/a"}


def warnings(**actions: dict[str, Any]) -> list[str]:
    return [str(finding) for finding in loaded(**actions).findings]


def errors(given: dict[str, Any]) -> list[str]:
    with pytest.raises(SchemaInvalid) as caught:
        load(given)
    return [str(finding) for finding in caught.value.findings]


def test_the_appointment_schema_loads() -> None:
    """S004-70, S004-25"""
    actions = load(appointment())
    assert {action.name: action.kind for action in actions} == {
        "hang_up_call": Kind.TELEPHONE,
        "press_phone_keys": Kind.TELEPHONE,
        "save_email_address": Kind.STATE,
        "save_time_for_call": Kind.STATE,
        "confirm_email_address": Kind.STATE,
        "schedule_call_with_brian": Kind.WEBHOOK,
    }
    schedule = actions.by_name["schedule_call_with_brian"]
    assert schedule.webhook is not None
    assert schedule.webhook.url == "https://hooks.example.com/hooks/catch/1234/5678/"
    assert schedule.webhook.method == "POST"
    assert schedule.fields == {"firstName", "company", "datetime", "email_address"}
    assert schedule.validators["datetime"].name == "datetimeiso"
    assert len(schedule.depends_on) == 3
    assert actions.findings == ()


@pytest.mark.parametrize("given", [DRAFT_07, f"<{DRAFT_07}>", DRAFT_07.removesuffix("#")])
def test_the_schema_version_may_be_wrapped(given: str) -> None:
    """S004-26"""
    assert len(load({**document(), "$schema": given})) == 0


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "$.$schema"),
        ({"$schema": 7}, "$.$schema"),
        ({"type": "array"}, "$.type"),
        ({"properties": []}, "$.properties"),
        ({"properties": {f"a{n}": {} for n in range(65)}}, "$.properties"),
        ({"extra": float("nan")}, "$"),
    ],
)
def test_the_top_level_is_fixed(change: dict[str, Any], path: str) -> None:
    """S004-26, S004-27, S004-28"""
    assert [error.split(": ")[0] for error in errors({**document(), **change})] == [path]


@pytest.mark.parametrize("missing", ["$schema", "type", "properties"])
def test_nothing_of_the_top_level_may_be_missing(missing: str) -> None:
    """S004-26, S004-27, S004-28"""
    given = document()
    del given[missing]
    assert errors(given)[0].startswith(f"$.{missing}: It must be")


@pytest.mark.parametrize(
    ("given", "path", "says"),
    [
        ({"_description": " "}, "._description", "Say when"),
        ({"_description": 7}, "._description", "Say when"),
        ({"_examples": None}, "._examples", "Give a list"),
        ({"_examples": ["hi"]}, "._examples[0]", '"user says"'),
        ({"_examples": [{"user says": "hi"}]}, "._examples[0]", '"assistant action includes"'),
        ({"_action_type": "update"}, "._action_type", '"update_state" or "webhook"'),
        ({"_action_type": "webhook"}, "._webhook_constants", "It must be an object"),
        ({"_validators": {"a": "e-mail"}}, "._validators.a", "did you mean 'email'?"),
        ({"_validators": {"a": 7}}, "._validators.a", "There is no validator 7"),
        ({"_validators": ["email"]}, "._validators", "It must be an object"),
        ({"_validators": {f"a{n}": "x" for n in range(201)}}, "._validators", "200 fit"),
        ({"_depends_on": "state.a"}, "._depends_on", "It must be a list"),
        ({"_depends_on": ["state.a", "b"]}, "._depends_on[1]", "such as state."),
        ({"_depends_on": ["state."]}, "._depends_on[0]", "such as state."),
        ({"_confirm": "yes"}, "._confirm", "true, false or a list"),
        ({"_rate_limit": {"count": 0, "seconds": 1}}, "._rate_limit", '{"count": 3'),
        ({"type": "strin"}, ".type", "no JSON Schema of draft-07"),
        ({"required": "a"}, ".required", "no JSON Schema of draft-07"),
        ({"properties": {"a": {"pattern": "("}}}, ".properties.a.pattern", "no JSON Schema"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1/x"}}}, ".properties.a.$ref", "fetched"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, ".properties.a.$ref", "fetched"),
        ({"properties": {"a": {"$ref": "#/definitions/x"}}}, ".properties.a.$ref", "nothing at"),
    ],
)
def test_an_error_names_the_path_and_the_fix(given: dict[str, Any], path: str, says: str) -> None:
    """S004-29, S004-30, S004-31, S004-32, S004-33, S004-37"""
    (error,) = errors(document(act=given))
    assert error.startswith(f"$.properties.act{path}: ")
    assert says in error


@pytest.mark.parametrize(
    ("constants", "path", "says"),
    [
        ({}, ".url", "needs the address"),
        ({"url": ""}, ".url", "needs the address"),
        ({"url": "ftp://example.com/"}, ".url", "such as https://"),
        ({"url": "example.com"}, ".url", "such as https://"),
        ({"url": "https:///x"}, ".url", "such as https://"),
        ({"url": "https://user:pass@example.com/"}, ".url", "user or a password"),
        ({"url": "https://<host>/x"}, ".url", "after the host"),
        ({"url": "https://{{details.host}}/x"}, ".url", "after the host"),
        ({"url": "https://example.com<city>"}, ".url", "after the host"),
        ({"url": "https://example.com\\<city>"}, ".url", "after the host"),
        ({"url": "https://example.com/\r\nx"}, ".url", "control characters"),
        ({**HOOK, "method": "DELETE"}, ".method", '"GET" or "POST"'),
        ({**HOOK, "method": 7}, ".method", '"GET" or "POST"'),
        ({**HOOK, "body": "x"}, ".body", "an object"),
        ({**HOOK, "responseHandler": "fire"}, ".responseHandler", "fire_and_forget"),
        ({**HOOK, "headers": {"Host": "x"}}, ".headers.Host", "set by the server"),
        ({**HOOK, "headers": {"X-A": "a\r\nB: c"}}, ".headers.X-A", "one line"),
        ({**HOOK, "headers": {"X A": "a"}}, ".headers.X A", "no name of a header"),
    ],
)
def test_the_constants_of_a_webhook(constants: dict[str, Any], path: str, says: str) -> None:
    """S004-45, S004-47, S004-51"""
    given = {"_action_type": "webhook", "_webhook_constants": constants}
    (error,) = errors(document(act=given))
    assert error.startswith(f"$.properties.act._webhook_constants{path}: ")
    assert says in error


def test_all_errors_are_told_at_once() -> None:
    wrong: dict[str, Any] = {"two words": {}, "a": {"_description": ""}, "b": {"_examples": 1}}
    given = document(**wrong)
    assert len(errors({**given, "type": "array"})) == 4


def test_an_action_is_an_object() -> None:
    given = document()
    given["properties"]["a"] = "x"
    assert "must be an object" in errors(given)[0]


def test_without_a_type_the_clients_act() -> None:
    """S004-32, S004-34"""
    assert only(wave={}).kind is Kind.CLIENT
    assert only(send_sms={}).kind is Kind.TELEPHONE
    assert only(send_sms={"_action_type": "webhook", "_webhook_constants": HOOK}).kind is (
        Kind.WEBHOOK
    )


def test_references_are_followed_inside_the_document_only() -> None:
    given = document(act={"properties": {"a": {"$ref": "#/definitions/city"}}})
    given["definitions"] = {"city": {"type": "string", "_note": 1, "enum": ["Oslo"]}}
    assert load(given).by_name["act"].parameters == {
        "properties": {"a": {"type": "string", "enum": ["Oslo"]}}
    }


def test_a_schema_cannot_grow_without_limit_by_references() -> None:
    given = document(act={"properties": {"a": {"$ref": "#/definitions/d0"}}})
    given["definitions"] = {
        f"d{n}": {"allOf": [{"$ref": f"#/definitions/d{n + 1}"}] * 2} for n in range(40)
    } | {"d40": {}}
    assert "more than 2000 parts" in errors(given)[0]
    given["definitions"] = {"d0": {"allOf": [{"$ref": "#/definitions/d0"}]}}
    assert "refers to itself" in errors(given)[0]


def test_private_keys_are_left_out_but_values_may_begin_so() -> None:
    """S004-25"""
    action = only(
        act={
            "type": "object",
            "properties": {"_id": {"type": "string", "_hint": "x"}},
            "_confirm": True,
        }
    )
    assert action.parameters == {"type": "object", "properties": {"_id": {"type": "string"}}}


def test_a_required_name_that_is_misspelled_is_put_right_and_told() -> None:
    """S004-56"""
    example = {"user says": "Weather?", "assistant action includes": {"w": {"city": "Oslo"}}}
    constants = {"url": "<https://host.example/weather/><city>", "method": "GET", "body": {}}
    given: dict[str, Any] = {
        "_action_type": "webhook",
        "_webhook_constants": constants,
        "_examples": [example],
        "required": ["citys"],
    }
    (warning,) = warnings(w=given)
    assert warning.startswith("$.properties.w.required: Nothing defines 'citys'")
    assert only(w=given).parameters["required"] == ["city"]


def test_a_required_name_that_nothing_defines_is_told_and_kept() -> None:
    """S004-36, S004-56"""
    given = {"required": ["phone"]}
    assert any("Nothing else in the action tells of 'phone'" in text for text in warnings(a=given))
    assert only(a=given).parameters["required"] == ["phone"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"_depend_on": []}, "did you mean '_depends_on'?"),
        ({"_examples": []}, "Give an example"),
        (
            {"_examples": [{"user says": "x", "assistant action includes": {"acct": 1}}]},
            "It shows no 'act'; did you mean 'acct'?",
        ),
        ({"_depends_on": ["state.never"]}, "No action provides state.never"),
        ({"_webhook_constants": HOOK}, 'set "_action_type" to "webhook"'),
        ({"properties": {"mail": {}}, "_validators": {"mial": "email"}}, "did you mean 'mail'?"),
        ({"properties": {"mail": {}}, "_confirm": ["mial"]}, "did you mean 'mail'?"),
    ],
)
def test_what_is_doubtful(given: dict[str, Any], says: str) -> None:
    assert any(says in text for text in warnings(act=given))


@pytest.mark.parametrize(
    ("constants", "says"),
    [
        ({"body": {"apiKey": "abc-123"}}, "If this is a secret"),
        ({"body": {"auth": {"password": "x"}}}, "If this is a secret"),
        ({"headers": {"Authorization": "Bearer abc"}}, "If this is a secret"),
        ({"url": "https://a.example/?key=abc"}, "put the key in the address"),
        ({"url": "http://a.example/"}, "use https"),
        ({"url": "https://a.example/[your id]/"}, "fill them in"),
        ({"ulr": 1}, "did you mean 'url'?"),
        ({"body": {"x": "{{userId}}"}}, "Only {{details.key}}"),
        ({"method": "GET"}, "city is never sent"),
    ],
)
def test_doubtful_constants(constants: dict[str, Any], says: str) -> None:
    given = {
        "_action_type": "webhook",
        "_webhook_constants": {**HOOK, **constants},
        "properties": {"city": {}},
    }
    assert any(says in text for text in warnings(act=given))


@pytest.mark.parametrize("value", ["{{secret.SMS_KEY}}", "env:SMS_KEY", "{{details.apiKey}}", ""])
def test_references_are_no_secrets(value: str) -> None:
    given = {"_action_type": "webhook", "_webhook_constants": {**HOOK, "body": {"apiKey": value}}}
    assert not any("secret" in text for text in warnings(act=given))


def test_dependencies_that_only_themselves_provide_are_told() -> None:
    """S004-63"""
    confirm = {"_action_type": "update_state", "properties": {"time_confirmed": {}}}
    assert not any(
        "provides" in t for t in warnings(c=confirm, s={"_depends_on": ["state.time_confirmed"]})
    )
    circle = {**confirm, "_depends_on": ["state.time_confirmed"]}
    assert (
        sum(
            "provides" in t for t in warnings(c=circle, s={"_depends_on": ["state.time_confirmed"]})
        )
        == 2
    )


def test_names_without_end_are_not_compared() -> None:
    """It would take minutes, and whoever saves a persona can send it."""
    names = [f"{'x' * 5000}{n}" for n in range(60)]
    many = {f"_k{n}": 1 for n in range(5000)}
    given = {"required": names, "properties": {f"y{name}": {} for name in names}, **many}
    assert len(loaded(act=given).findings) < 100
