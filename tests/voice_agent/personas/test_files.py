"""Personas as files."""

from pathlib import Path

import pytest

from voice_agent.personas.files import PersonaFileError, file_name, read, to_toml, write
from voice_agent.personas.persona import Persona
from voice_agent.settings import data_directory

FULL = Persona.model_validate(
    {
        "name": "Bella Roma",
        "prompt": 'You are Anna.\n\n"Quotes" and \'more\' and \\ and """three""".\n',
        "initial_message": "Hello {{details.name}}!",
        "timezone": "Europe/Rome",
        "llm": {"base_url": "https://llm.example/v1", "model": "m", "parameters": {"top_p": 0.5}},
        "voice": {"provider": "elevenlabs", "voice_id": "x"},
        "rate_limit": {"enabled": True, "count": 3, "message": "Enough."},
        "actions_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "properties": {"b": {"_examples": [{"user says": "b"}]}, "a": {"type": "array"}},
        },
        "scenarios": [
            {"context": "x", "userSays": ["y"], "responseGuidelines": "z"},
            {"personaSays": ["p\nq"], "responseGuidelines": "r"},
        ],
        "endpointing": {"min_ms": 300},
        "phrases": {"goodbye": "Ciao!"},
        "pronunciations": {"Roma": "ROH-mah"},
        "telephone": {"numbers": ["+14155550123"], "transfer_to": ["+14155550124", "sales"]},
    }
)


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_what_is_written_is_read_again_and_written_the_same(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"persona{suffix}"
    write(FULL, path)
    first = path.read_bytes()
    assert read(path) == FULL
    write(read(path), path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


def test_fields_stand_in_one_order_and_defaults_are_left_out() -> None:
    assert to_toml(Persona(initial_message="Hi", prompt="You.", name="Anna")) == (
        'name = "Anna"\nprompt = "You."\ninitial_message = "Hi"\n'
    )
    assert '"""\nYou are Anna.\n\n' in to_toml(FULL)


def test_carriage_returns_survive(tmp_path: Path) -> None:
    persona = Persona(name="Anna", prompt="a\r\nb\n")
    write(persona, tmp_path / "anna.toml")
    assert read(tmp_path / "anna.toml") == persona


def test_the_keys_of_the_first_releases_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text('name = "A"\ninstructions = "You."\n[phrases]\ngreeting = "Hi"\ngoodbye = "B"')
    assert read(path) == Persona(
        name="A", prompt="You.", initial_message="Hi", phrases={"goodbye": "B"}
    )
    path.write_text('name = "A"\ninstructions = "You."')
    assert read(path).initial_message == "Hello, how can I help you?"
    path.write_text('name = "A"\ninstructions = "You."\n[phrases]\ngreeting = ""')
    assert read(path).initial_message == ""


def test_comments_are_tolerated_in_json(tmp_path: Path) -> None:
    """S004-56"""
    schema = '{"type": "object", // the only one\n "properties": {"a": {},},}'
    (tmp_path / "a.toml").write_text(f"name = 'A'\nactions_schema = '''\n{schema}'''")
    (tmp_path / "a.json").write_text(f'{{"name": "A", /* new */ "actions_schema": {schema}}}')
    for path in tmp_path.iterdir():
        assert read(path).actions_schema == {"type": "object", "properties": {"a": {}}}
    (tmp_path / "a.toml").write_text("name = 'A'\nactions_schema = '{'")
    with pytest.raises(PersonaFileError, match="`actions_schema`: It is no JSON"):
        read(tmp_path / "a.toml")


@pytest.mark.parametrize("path", sorted((data_directory() / "personas").glob("*.toml")))
def test_every_included_persona_can_be_read(path: Path) -> None:
    persona = read(path)
    assert persona.name and persona.prompt


def test_null_is_for_json_only(tmp_path: Path) -> None:
    persona = Persona(name="A", actions_schema={"properties": {"a": {"enum": ["x", None]}}})
    with pytest.raises(PersonaFileError, match=r"actions_schema\.properties\.a\.enum\.1 is null"):
        write(persona, tmp_path / "a.toml")
    write(persona, tmp_path / "a.json")
    assert read(tmp_path / "a.json") == persona


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.toml", "name = ", "It is no TOML"),
        ("a.json", "{", "It is no JSON"),
        ("a.json", "[]", "no object"),
        ("a.yaml", "name: A", ".toml or .json"),
        ("a.toml", 'name = "A"\nmood = "good"\nprompt = 3', "`prompt`: .*`mood`: Extra"),
        ("a.toml", 'name = "A"\nprompt = ""\ninstructions = ""', "`instructions`: Extra"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PersonaFileError, match=says):
        read(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PersonaFileError, match="No such file"):
        read(tmp_path / "a.toml")


def test_a_file_is_called_after_its_persona() -> None:
    assert file_name(FULL) == "bella-roma.toml"
    assert file_name(Persona(name="你好"), ".json") == "persona.json"
