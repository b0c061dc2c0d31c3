"""Personas as files, so that they can live in git: one TOML or JSON document each.

What is written is the same, byte by byte, for the same persona: fields in the order of `Persona`,
those that have their default left out, keys of an actions schema in the order in which they came.
Comments in a file that is read are not kept when it is written again.

An actions schema may also be written as a text: JSON, in which comments and trailing commas are
tolerated, as they are in files of JSON.

The keys of the first releases are understood: `instructions` is the prompt, `phrases.greeting` the
initial message.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from voice_pipelines.conversation.policy import Phrases

from ..errors import VoiceAgentError
from .persona import Persona

SUFFIXES = (".toml", ".json")


PATTERN = """\
You are [who the persona is, in a sentence].
Your job is [what it is to achieve].
To do that, [how it goes about it, step by step, and what it has to know].

It is {{currentDatetime}}.

[What matters most, once more.] Answer in one or two short sentences: you are on the telephone.
"""
"""What a new persona's prompt begins with."""


class PersonaFileError(VoiceAgentError):
    """A file that is no persona. `problems` has a sentence for each thing that is wrong."""

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__(f"{path}: {' '.join(problems)}")


def blank(name: str) -> Persona:
    """One to be filled in where there are brackets."""
    return Persona(name=name, prompt=PATTERN, initial_message="Hello, how can I help you?")


def read(path: Path) -> Persona:
    """The persona of a file. Raises PersonaFileError."""
    if path.suffix not in SUFFIXES:
        raise PersonaFileError(path, (f"A persona is a file in {' or '.join(SUFFIXES)}.",))
    try:
        text = path.read_text("utf-8")
        raw = tomllib.loads(text) if path.suffix == ".toml" else _json(text)
    except OSError as error:
        raise PersonaFileError(path, (f"It cannot be read: {error.strerror}.",)) from error
    except (ValueError, RecursionError) as error:
        raise PersonaFileError(path, (f"It is no {path.suffix[1:].upper()}: {error}.",)) from error
    if not isinstance(raw, dict):
        raise PersonaFileError(path, ("It is no object with the fields of a persona.",))
    named = with_names_of_today(raw)
    if isinstance(named.get("actions_schema"), str):
        try:
            named["actions_schema"] = _json(named["actions_schema"])
        except (ValueError, RecursionError) as error:
            raise PersonaFileError(path, (f"`actions_schema`: It is no JSON: {error}.",)) from error
    try:
        return Persona.model_validate(named)
    except ValidationError as error:
        raise PersonaFileError(path, problems_of(error)) from error


def write(persona: Persona, path: Path) -> None:
    """Put `persona` into a file, over what was there. Raises PersonaFileError."""
    if path.suffix not in SUFFIXES:
        raise PersonaFileError(path, (f"Write it to a file in {' or '.join(SUFFIXES)}.",))
    try:
        text = to_toml(persona) if path.suffix == ".toml" else to_json(persona)
    except ValueError as error:
        raise PersonaFileError(path, (str(error),)) from error
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(text, "utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise PersonaFileError(path, (f"It cannot be written: {error.strerror}.",)) from error


def to_toml(persona: Persona) -> str:
    """As TOML, long texts over several lines. Raises ValueError for what TOML lacks: null."""
    document = _document(persona)
    null = _null(document, ())
    if null:
        raise ValueError(f"{'.'.join(null)} is null, which TOML does not have: write a .json file.")
    # In texts over several lines a parser may change carriage returns.
    several_lines = "\\r" not in json.dumps(document)
    return tomli_w.dumps(document, multiline_strings=several_lines)


def to_json(persona: Persona) -> str:
    """As JSON."""
    return json.dumps(_document(persona), indent=2, ensure_ascii=False) + "\n"


def file_name(persona: Persona, suffix: str = ".toml") -> str:
    """What to call the file, from the persona's name."""
    slug = re.sub(r"[^a-z0-9]+", "-", persona.name.lower()).strip("-")
    return f"{slug or 'persona'}{suffix}"


def problems_of(error: ValidationError) -> tuple[str, ...]:
    """A sentence for each thing that is wrong, with the name of the field in front."""
    problems = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"]) or "persona"
        message = problem["msg"].removeprefix("Value error, ")
        problems.append(f"`{field}`: {message.rstrip('.')}.")
    return tuple(problems)


def with_names_of_today(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A file's document whose keys may be those of the first releases.

    Where both are given, the old one stays, and is unknown.
    """
    named = dict(raw)
    if "instructions" in named and "prompt" not in named:
        named["prompt"] = named.pop("instructions")
        # Such a file that said nothing about a greeting had this one.
        named.setdefault("initial_message", _greeting(raw, Phrases().greeting))
    phrases = named.get("phrases")
    if isinstance(phrases, dict) and "greeting" in phrases:
        named.setdefault("initial_message", phrases["greeting"])
        named["phrases"] = {key: text for key, text in phrases.items() if key != "greeting"}
    return named


def _document(persona: Persona) -> dict[str, Any]:
    document = persona.model_dump(mode="json", exclude_defaults=True)
    return {"name": persona.name, **document}


def _greeting(raw: Mapping[str, Any], default: str) -> Any:
    phrases = raw.get("phrases")
    return phrases.get("greeting", default) if isinstance(phrases, dict) else default


def _json(text: str) -> Any:
    """JSON with comments. Raises ValueError."""
    jsonc: Any = import_module("jsonc")  # It ships no types.
    return jsonc.loads(text)


def _null(value: object, at: tuple[str, ...]) -> tuple[str, ...]:
    """Where the first null is; empty if there is none."""
    if value is None:
        return at
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        found = _null(item, (*at, str(key)))
        if found:
            return found
    return ()
