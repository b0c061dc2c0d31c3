"""Everything that can be said against a persona's file: as a document, as a prompt, as actions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .actions.action import Finding as SchemaFinding
from .actions.action import SchemaInvalid
from .actions.schema import load
from .personas import files
from .personas.findings import Finding, Severity, errors
from .personas.lint import lint
from .personas.persona import Persona
from .personas.prompt import Meter, meter


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say about one file."""

    file: Path
    findings: tuple[Finding, ...]
    meter: Meter | None
    """None if the file is no persona at all."""

    @property
    def failed(self) -> bool:
        return bool(errors(self.findings))

    @property
    def verdict(self) -> str:
        """In three words."""
        wrong = len(errors(self.findings))
        doubtful = sum(finding.severity is Severity.WARNING for finding in self.findings)
        return f"{_count(wrong, 'error')}, {_count(doubtful, 'warning')}"

    def as_json(self) -> dict[str, Any]:
        return {
            "file": str(self.file),
            "findings": [
                {
                    "severity": finding.severity.value,
                    "code": finding.code,
                    "field": finding.field,
                    "line": finding.line,
                    "column": finding.column,
                    "message": finding.message,
                }
                for finding in self.findings
            ],
            "tokens": self.meter.tokens if self.meter else None,
            "level": self.meter.level.value if self.meter else None,
        }


def check(file: Path) -> Report:
    """Read `file` and look for all that is wrong with it. Never raises."""
    try:
        persona = files.read(file)
    except files.PersonaFileError as error:
        problems = tuple(Finding(Severity.ERROR, "invalid", problem) for problem in error.problems)
        return Report(file, problems, None)
    return Report(file, check_persona(persona), meter(persona))


def check_persona(persona: Persona) -> tuple[Finding, ...]:
    """What is wrong with a persona that is well-formed, its actions included."""
    return (*lint(persona), *_actions(persona))


def _actions(persona: Persona) -> tuple[Finding, ...]:
    if persona.actions_schema is None:
        return ()
    try:
        found = load(persona.actions_schema).findings
    except SchemaInvalid as error:
        found = error.findings
    return tuple(_in_schema(finding) for finding in found)


def _in_schema(finding: SchemaFinding) -> Finding:
    severity = Severity.ERROR if finding.severity == "error" else Severity.WARNING
    field = f"actions_schema{finding.path.removeprefix('$')}"
    return Finding(severity, "actions", finding.message, field=field)


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
