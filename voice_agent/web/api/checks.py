"""What is refused when a persona is saved, beyond the shape of its document."""

from typing import Any

from ...actions.action import SchemaInvalid
from ...actions.schema import load as load_actions
from ...personas.persona import Persona
from ...presets import PRESETS
from .problem import ApiProblem, FieldProblem


def check(persona: Persona) -> None:
    """What the document's shape alone does not tell. Raises ApiProblem."""
    if persona.actions_schema is not None:
        check_schema(persona.actions_schema, "actions_schema")
    check_llm(persona.llm)


def check_schema(schema: dict[str, Any], field: str) -> None:
    """`field` is where the schema stands in the request. Raises ApiProblem."""
    try:
        load_actions(schema)
    except SchemaInvalid as error:
        raise ApiProblem(
            400,
            str(error),
            [
                FieldProblem(field=_under(field, each.path), message=each.message)
                for each in error.findings
            ],
        ) from error


def _under(field: str, path: str) -> str:
    """A place in the schema, which begins with ``$``, as a place in the request."""
    inner = path.removeprefix("$").removeprefix(".")
    return ".".join(filter(None, (field, inner)))


def check_llm(llm: object) -> None:
    """Raises ApiProblem."""
    if isinstance(llm, str) and llm not in PRESETS:
        message = f"There is no model named {llm}; GET /api/llms lists those that there are."
        raise ApiProblem(400, message, [FieldProblem(field="llm", message=message)])
