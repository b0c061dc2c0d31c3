"""What can be said against a persona that is otherwise well-formed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """It does not do what is written: something is missing from the prompt or never happens."""
    WARNING = "warning"
    """It works, and probably not as meant."""
    NOTE = "note"
    """Something to know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one place."""

    severity: Severity
    code: str
    """Stays the same when the sentence changes, such as ``unknown-keyword``."""
    message: str
    """What is wrong and how to mend it."""
    line: int = 1
    """Within the field, counted from 1."""
    column: int = 1
    """In characters, counted from 1."""
    field: str = ""
    """Where in the persona, such as ``prompt`` or ``actions_schema.properties.book``."""

    def __str__(self) -> str:
        return f"{self.field}:{self.line}:{self.column}: {self.severity}: {self.message}"


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that ought to be mended before anybody calls."""
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)


def located(findings: Iterable[Finding], field: str) -> tuple[Finding, ...]:
    """The same, in that field."""
    return tuple(replace(finding, field=field) for finding in findings)
