"""The keywords of prompts: what `template` understands, `lint` suggests and an editor completes."""

from dataclasses import dataclass
from typing import Literal

Place = Literal["anywhere", "prompt", "scenarios", "sayings"]
"""Where a keyword has a meaning: in every template; in the prompt, not in what is spoken; within
``{{#each scenarios}}``; within ``{{#each userSays}}`` or ``{{#each personaSays}}``."""


@dataclass(frozen=True, slots=True)
class Keyword:
    """Something that stands for something else in a template."""

    name: str
    text: str
    """As it is written."""
    description: str
    place: Place = "anywhere"


DETAILS = "details"
TABLE = (
    Keyword(
        "actionsSchema",
        "{{actionsSchema}}",
        "The actions, as JSON without addresses and keys. Without it the persona takes none.",
        "prompt",
    ),
    Keyword(
        "currentDatetime",
        "{{currentDatetime}}",
        "When the conversation began, in its time zone.",
    ),
    Keyword(
        DETAILS,
        "{{details.key}}",
        "What was passed when the conversation was started; {{details.userId}} is who the other "
        "party is, on the telephone their number. A key with spaces: {{details.[a key]}}.",
    ),
    Keyword(
        "scenarios",
        "{{#each scenarios}}{{/each}}",
        "The five scenarios that fit the turn. Empty, it gives the usual form; otherwise it is "
        "repeated for each of them.",
        "prompt",
    ),
    Keyword("context", "{{context}}", "The scenario's context.", "scenarios"),
    Keyword(
        "personaSays",
        "{{personaSays}}",
        "What the persona may say then. One by one: {{#each personaSays}}{{this}}{{/each}}.",
        "scenarios",
    ),
    Keyword(
        "userSays",
        "{{userSays}}",
        "What the user may say then. One by one: {{#each userSays}}{{this}}{{/each}}.",
        "scenarios",
    ),
    Keyword("responseGuidelines", "{{responseGuidelines}}", "How to respond.", "scenarios"),
    Keyword("@index", "{{@index}}", "The number of the scenario, from 0.", "scenarios"),
    Keyword("this", "{{this}}", "One of the sayings.", "sayings"),
)

_BLOCKS = ("scenarios",)
VALUES = tuple(
    each.name
    for each in TABLE
    if each.place in ("anywhere", "prompt") and each.name not in (DETAILS, *_BLOCKS)
)
"""Those that stand for one text each."""
SAYINGS = ("personaSays", "userSays")
FIELDS = tuple(
    each.name for each in TABLE if each.place == "scenarios" and not each.name.startswith("@")
)
"""What a scenario has, by the names of the API."""
