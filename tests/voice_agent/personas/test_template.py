"""Templates: what they give, and what is said against them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from voice_agent.personas.template import render
from voice_agent.personas.template_parser import parse, split_path

VALUES: dict[str, JsonValue] = {
    "details": {
        "name": "Ann",
        "first name": "Ann Lee",
        "age": 42,
        "vip": True,
        "nothing": None,
        "car": {"color": "red", "doors": ["left", "right"]},
        "evil": "{{details.name}} {{actionsSchema}}",
    },
    "currentDatetime": "noon",
    "actionsSchema": "{}",
    "scenarios": [
        {"context": "A", "personaSays": ["p", "q"], "userSays": [], "responseGuidelines": "do a"},
        {"context": "B", "personaSays": [], "userSays": ["u"], "responseGuidelines": "do b"},
    ],
}


def rendered(source: str) -> str:
    return render(parse(source).nodes, VALUES)


def codes(source: str) -> list[str]:
    return [finding.code for finding in parse(source).findings]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Hello {{details.name}}!", "Hello Ann!"),
        ("Hello {{ details.name }}!", "Hello Ann!"),
        ("Hello {{details.[name]}}!", "Hello Ann!"),
        ("Hello {{details.[first name]}}!", "Hello Ann Lee!"),
        ("{{details.age}}/{{details.vip}}/{{details.nothing}}", "42/true/"),
        ("{{details.car.color}} {{details.car.doors.1}}", "red right"),
        ("{{details.car.doors}}", "left / right"),
        ("{{details.car}}", '{"color": "red", "doors": ["left", "right"]}'),
        ("{{details.missing}}{{details.car.wheels.size}}", ""),
        ("{{details.__class__}}{{details.name.__class__}}{{details.car.keys}}", ""),
        ("It is {{currentDatetime}}.", "It is noon."),
        ("{{actionsSchema}}", "{}"),
        ("a{{! not said }}b{{!-- nor {{this}} --}}c", "abc"),
        ('Answer with {"a": {"b": 1}}', 'Answer with {"a": {"b": 1}}'),
    ],
)
def test_keywords(source: str, text: str) -> None:
    """S004-10, S004-17, S004-19, S004-21: keywords; what is missing is empty."""
    assert rendered(source) == text
    assert codes(source) == []


def test_a_block_is_repeated_for_each_scenario() -> None:
    """S004-17, S004-20"""
    source = (
        "{{#each scenarios}}{{@index}} {{context}}: {{this.responseGuidelines}} "
        "[{{personaSays}}|{{#each userSays}}<{{this}}>{{/each}}] {{details.name}}; {{/each}}."
    )
    assert rendered(source) == "0 A: do a [p / q|] Ann; 1 B: do b [|<u>] Ann; ."
    assert codes(source) == []


def test_values_are_never_rendered_again() -> None:
    assert rendered("{{details.evil}}") == "{{details.name}} {{actionsSchema}}"


@pytest.mark.parametrize(
    ("source", "text", "code"),
    [
        ("***DETAILS.name***", "Ann", "legacy-keyword"),
        ("***CURRENT_DATETIME***", "noon", "legacy-keyword"),
        ("***PERSONA_VOICE_SCHEMA***", "{}", "legacy-keyword"),
        ("Hi {details.name}}", "Hi Ann", "misprint"),
        ("Hi {details.name}", "Hi Ann", "misprint"),
        ("Hi {{details.name}", "Hi Ann", "misprint"),
        ("Hi {{{details.name}}}", "Hi Ann", "three-braces"),
    ],
)
def test_old_and_misprinted_forms_work_with_a_warning(source: str, text: str, code: str) -> None:
    """S004-17, S004-86: also the misprint of the documentation, `{details.userId}}`."""
    assert rendered(source) == text
    (finding,) = parse(source).findings
    assert (finding.code, finding.severity) == (code, "warning")


@pytest.mark.parametrize(
    ("source", "text", "code"),
    [
        ("a {{weather}} b", "a  b", "unknown-keyword"),
        ("a {{context}} b", "a  b", "unknown-keyword"),
        ("a {{this}} b", "a  b", "unknown-keyword"),
        ("a {{details}} b", "a  b", "unknown-keyword"),
        ("a {{foo bar=1}} b", "a  b", "unknown-keyword"),
        ("a {{}} b", "a  b", "unknown-keyword"),
        ("a {{currentDatetime.year}} b", "a  b", "unknown-keyword"),
        ("a {{#if x}}y{{/if}} b", "a  b", "unknown-block"),
        ("a {{#each friends}}y{{/each}} b", "a  b", "unknown-block"),
        ("a {{/each}} b", "a  b", "unbalanced-block"),
        ("a {{#each scenarios}} {{context}} {{details.name}} b", "a   Ann b", "unbalanced-block"),
        ("a {{#each scenarios}}x{{/if}} b", "a xx b", "unbalanced-block"),
        ("a {{details.name b", "a details.name b", "unclosed-keyword"),
    ],
)
def test_what_is_not_understood_is_found_and_left_out(source: str, text: str, code: str) -> None:
    """S004-17: an unknown keyword is a finding, and its braces are in no text."""
    assert rendered(source) == text
    (finding,) = parse(source).findings
    assert (finding.code, finding.severity) == (code, "error")


def test_a_finding_has_its_place_and_a_fix() -> None:
    (finding,) = parse("One.\nTwo {{actionSchema}}.").findings
    assert (finding.line, finding.column) == (2, 5)
    assert "did you mean actionsSchema?" in finding.message


def test_emphasis_is_no_keyword() -> None:
    assert rendered("***IMPORTANT***") == "***IMPORTANT***"
    assert codes("***IMPORTANT***") == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b-c", ("a", "b-c")),
        ("details.[b c].d", ("details", "b c", "d")),
        ("a..b", None),
        (".a", None),
        ("a.", None),
        ("a b", None),
        ("a.[]", None),
        ("", None),
    ],
)
def test_paths(text: str, path: tuple[str, ...] | None) -> None:
    assert split_path(text) == path


PIECES = ["{{", "}}", "{", "}", "#each scenarios", "/each", "details.", "name", "this", " ", "***"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_no_source_is_an_error_and_no_opened_keyword_is_left(source: str) -> None:
    assert "{{" not in rendered(source)


HOSTILE = [
    "{{!-- ",
    "{{}}",
    "{{wether}}",
    "{{#each scenarios}}",
    "{{#if x}}a",
    "{details.",
    "{{details.a ",
    "{ ",
    "\n{{x}}",
    "***DETAILS.",
    "{{!-- x --}}{{!--",
    "{{#each scenarios}}{{/each}}",
    "{{details.[",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_template_is_understood_in_bounded_time(piece: str) -> None:
    source = piece * (200_000 // len(piece))
    began = time.monotonic()
    rendered(source)
    assert time.monotonic() - began < 10
