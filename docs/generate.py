"""Writes what is made from the code: ``make docs``.

`configuration.md` from the settings' types, defaults and docstrings; `console/openapi.json`, of
which the console's types are made, from the API's routes.
"""

import ast
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import cast

import msgspec

from voice_agent import choices, sections, settings
from voice_agent.web.api.application import routes
from voice_agent.web.api.openapi import document
from voice_agent.web.api.ports import Dependencies
from voice_pipelines.audio import gate
from voice_pipelines.conversation import policy

TARGET = Path(__file__).with_name("configuration.md")
OPENAPI = Path(__file__).parent.parent / "console" / "openapi.json"
Section = type[msgspec.Struct]

_INTRODUCTION = """\
# Configuration

One TOML file (`--config`), then `VOICE_AGENT_SECTION__KEY` environment variables, then
`--set section.key=value`; later ones win. `voice-agent check-config FILE` says whether a file is
right and names the key that is not; with `--json` it prints every value in force. Names that end in
`_ms` are milliseconds. Secrets are never settings: settings name the environment variable that
holds one. Included are `local.toml`, `cloud.toml`, `hybrid.toml` and `scripted.toml`.

This page is written by `make docs`.
"""
_PERSONA = """\
## The persona's file

Named by `persona`, relative to the configuration file.
"""
_PHRASES = """\
`[phrases]`: what the agent says without asking the language model. They are synthesized when the
server starts, so that they can be said when a provider is down.
"""


def field_docs(module: ModuleType) -> dict[tuple[str, str], str]:
    """(class, field) to the docstring under the field."""
    found = {}
    for cls in ast.parse(inspect.getsource(module)).body:
        if not isinstance(cls, ast.ClassDef):
            continue
        for field, after in zip(cls.body, [*cls.body[1:], None], strict=True):
            match field, after:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[cls.name, name] = " ".join(text.split())
    return found


def page() -> str:
    docs: dict[tuple[str, str], str] = {}
    for module in (settings, sections, choices, policy, gate):
        docs |= field_docs(module)
    parts = [_INTRODUCTION, "## Top level\n", _table(settings.Settings, "", docs)]
    for field in msgspec.structs.fields(settings.Settings):
        if _is_section(field.type):
            first = (field.type.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            parts += [f"## `[{field.name}]`\n"] + ([f"{first}\n"] if first else [])
            parts.append(_table(field.type, f"{field.name}.", docs))
    parts += [_PERSONA, _table(sections.Persona, "", docs)]
    parts += [_PHRASES, _table(policy.Phrases, "phrases.", docs)]
    return "\n".join(parts)


class _Nobody:
    """Stands for all that the routes would work with, if they were called."""

    def __getattr__(self, name: str) -> None:
        return None


def openapi() -> str:
    described = document(routes(cast(Dependencies, _Nobody())))
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def _table(section: Section, prefix: str, docs: dict[tuple[str, str], str]) -> str:
    rows = ["| key | default | |", "|---|---|---|"]
    for field in msgspec.structs.fields(section):
        if _is_section(field.type):
            continue
        default = f"`{msgspec.json.encode(_default(field)).decode()}`"
        if field.default is field.default_factory is msgspec.NODEFAULT:
            default = "required"
        owners = (docs.get((owner.__name__, field.name), "") for owner in section.__mro__)
        text = next(filter(None, owners), "")
        rows.append(f"| `{prefix}{field.name}` | {default} | {text} |")
    return "\n".join(rows) + "\n"


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is msgspec.NODEFAULT:
        return None if field.default is msgspec.NODEFAULT else field.default
    return field.default_factory()


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
    OPENAPI.parent.mkdir(exist_ok=True)
    OPENAPI.write_text(openapi(), "utf-8")
