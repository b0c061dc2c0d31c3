"""The actions schema of a persona: JSON Schema (draft-07) with keys of its own, to typed actions.

A document is ``{"$schema": …, "type": "object", "properties": {NAME: ACTION, …}}``. Each action has
`_description` and `_examples` and may have `_action_type` (``update_state``, ``webhook``; without
it the clients act), `_validators`, `_depends_on`, `_webhook_constants`, `_confirm` and
`_rate_limit`; whatever else it has is JSON Schema for its arguments.

`load` gives the actions, or raises `SchemaInvalid` with everything that is wrong at once; what is
only doubtful is a finding of `lint`.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .action import (
    TELEPHONE_ACTIONS,
    Action,
    Actions,
    Example,
    Finding,
    Kind,
    Rate,
    SchemaInvalid,
    Webhook,
)
from .constants import header_problem, url_problem
from .lint import defined_fields, lint, misspelled
from .notation import unwrapped
from .parameters import Unusable, schema_problem, without_references
from .source import NotJson, check_value
from .state import PREFIX
from .validators import Validator, Validators, standard

DRAFT_07 = "http://json-schema.org/draft-07/schema#"
MOST_ACTIONS = 64
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""What the tool interfaces of language models take."""
_LONGEST_PATH = 200
_MOST_VALIDATORS = 200


def load(document: Mapping[str, Any], validators: Validators | None = None) -> Actions:
    """The actions of `document`. Raises SchemaInvalid."""
    reading = _Reading(document, validators or standard())
    actions = reading.actions()
    if reading.findings:
        raise SchemaInvalid(reading.findings)
    return Actions(actions, (*reading.warnings, *lint(actions.values(), document)))


class _Reading:
    """One pass over a document that collects what is wrong."""

    def __init__(self, document: Mapping[str, Any], validators: Validators) -> None:
        self._document = document
        self._validators = validators
        self.findings: list[Finding] = []
        self.warnings: list[Finding] = []

    def actions(self) -> dict[str, Action]:
        try:
            check_value(dict(self._document))
        except NotJson as error:
            self._wrong("$", f"The schema cannot be used: {error}.")
            return {}
        given = self._document.get("$schema")
        if not isinstance(given, str) or unwrapped(given).removesuffix("#") != DRAFT_07[:-1]:
            self._wrong("$.$schema", f'It must be "{DRAFT_07}".')
        if self._document.get("type") != "object":
            self._wrong("$.type", 'It must be "object".')
        properties = self._document.get("properties")
        if not isinstance(properties, Mapping):
            self._wrong("$.properties", "It must be an object with an action for each key.")
            return {}
        if len(properties) > MOST_ACTIONS:
            self._wrong("$.properties", f"It has {len(properties)} actions; {MOST_ACTIONS} fit.")
            return {}
        found = {name: self._action(name, given) for name, given in properties.items()}
        return {name: action for name, action in found.items() if action is not None}

    def _action(self, name: str, given: Any) -> Action | None:
        path = f"$.properties.{name}"
        if not _NAME.fullmatch(name):
            self._wrong(
                path,
                "The action's name must begin with a letter and have at most 64 letters, digits, "
                "_ and -: rename it.",
            )
            return None
        if not isinstance(given, Mapping):
            self._wrong(path, "The action must be an object with a _description and _examples.")
            return None
        before = len(self.findings)
        kind = self._kind(name, given.get("_action_type"), path)
        description = given.get("_description")
        if not isinstance(description, str) or not description.strip():
            self._wrong(f"{path}._description", "Say when the persona should take the action.")
        action = Action(
            name,
            kind,
            str(description),
            self._examples(given.get("_examples"), f"{path}._examples"),
            {},
            self._named_validators(given.get("_validators"), f"{path}._validators"),
            self._paths(given.get("_depends_on"), f"{path}._depends_on"),
            self._webhook(kind, given.get("_webhook_constants"), f"{path}._webhook_constants"),
            self._confirm(given.get("_confirm"), f"{path}._confirm"),
            self._rate(given.get("_rate_limit"), f"{path}._rate_limit"),
        )
        parameters = self._parameters(action, given, path)
        if len(self.findings) > before:
            return None
        return self._completed(action, parameters, path)

    # The parts of an action ----------------------------------------------------------------------

    def _kind(self, name: str, given: Any, path: str) -> Kind:
        match given:
            case None:
                return Kind.TELEPHONE if name in TELEPHONE_ACTIONS else Kind.CLIENT
            case "update_state":
                return Kind.STATE
            case "webhook":
                return Kind.WEBHOOK
        self._wrong(
            f"{path}._action_type",
            'It must be "update_state" or "webhook"; leave it out for an action of the client.',
        )
        return Kind.CLIENT

    def _examples(self, given: Any, path: str) -> tuple[Example, ...]:
        if not isinstance(given, list):
            self._wrong(
                path,
                'Give a list of {"user says": …, "assistant action includes": …}; it may be empty.',
            )
            return ()
        examples = []
        for number, item in enumerate(given):
            says = item.get("user says") if isinstance(item, Mapping) else None
            includes = item.get("assistant action includes") if isinstance(item, Mapping) else None
            if isinstance(says, str) and isinstance(includes, Mapping):
                examples.append(Example(says, dict(includes)))
            else:
                self._wrong(
                    f"{path}[{number}]",
                    'It must have "user says" (a text) and "assistant action includes" (an '
                    "object).",
                )
        return tuple(examples)

    def _named_validators(self, given: Any, path: str) -> dict[str, Validator]:
        found = {}
        named = self._object(given, path)
        if len(named) > _MOST_VALIDATORS:
            self._wrong(path, f"It has {len(named)} entries; {_MOST_VALIDATORS} fit.")
            return {}
        for value, name in named.items():
            validator = self._validators.get(name) if isinstance(name, str) else None
            if validator is not None:
                found[value] = validator
                continue
            close = self._validators.suggestion(name) if isinstance(name, str) else ""
            self._wrong(
                f"{path}.{value}",
                f"There is no validator {name!r}"
                + (f"; did you mean {close!r}?" if close else ".")
                + f" Known are {', '.join(self._validators.names())}.",
            )
        return found

    def _paths(self, given: Any, path: str) -> tuple[str, ...]:
        if given is None:
            return ()
        if not isinstance(given, list):
            self._wrong(path, "It must be a list of paths such as state.email_address.")
            return ()
        paths = []
        for number, item in enumerate(given):
            usable = isinstance(item, str) and len(item) <= _LONGEST_PATH
            if usable and item.startswith(PREFIX) and all(item.split(".")):
                paths.append(item)
            else:
                self._wrong(f"{path}[{number}]", "Write it as a path such as state.email_address.")
        return tuple(paths)

    def _webhook(self, kind: Kind, given: Any, path: str) -> Webhook | None:
        if kind is not Kind.WEBHOOK:
            if given is not None:
                self._doubt(path, 'It is not used: set "_action_type" to "webhook".')
            return None
        if not isinstance(given, Mapping):
            self._wrong(path, 'It must be an object with the "url" to call.')
            return None
        constants = given
        url = constants.get("url")
        if not isinstance(url, str) or not url.strip():
            self._wrong(f"{path}.url", "A webhook needs the address to call.")
            url = "https://missing.invalid/"
        url = unwrapped(url)
        if problem := url_problem(url):
            self._wrong(f"{path}.url", problem)
        method = constants.get("method", "POST")
        method = method.upper() if isinstance(method, str) else method
        if method not in ("GET", "POST"):
            self._wrong(f"{path}.method", 'It must be "GET" or "POST".')
        responder = constants.get("responseHandler")
        if responder not in (None, "fire_and_forget"):
            self._wrong(
                f"{path}.responseHandler",
                'It must be "fire_and_forget"; leave it out to have the agent speak of the answer.',
            )
        headers = self._object(constants.get("headers"), f"{path}.headers")
        for name, value in headers.items():
            if problem := header_problem(name, value):
                self._wrong(f"{path}.headers.{name}", problem)
        return Webhook(
            url,
            "GET" if method == "GET" else "POST",
            self._object(constants.get("body"), f"{path}.body"),
            headers,
            responder is None,
        )

    def _confirm(self, given: Any, path: str) -> bool | frozenset[str] | None:
        if given is None or isinstance(given, bool):
            return given
        if isinstance(given, list) and all(isinstance(name, str) for name in given):
            return frozenset(given)
        self._wrong(path, "It must be true, false or a list of names of values.")
        return None

    def _rate(self, given: Any, path: str) -> Rate | None:
        if given is None:
            return None
        numbers = [self._object(given, path).get(key) for key in ("count", "seconds")]
        match numbers:
            case [int() as count, int() as seconds] if count >= 1 and seconds >= 1:
                return Rate(count, seconds)
        self._wrong(path, 'Write it like {"count": 3, "seconds": 60}, with whole numbers from 1.')
        return None

    def _parameters(self, action: Action, given: Mapping[str, Any], path: str) -> dict[str, Any]:
        try:
            parameters = without_references(given, self._document, path)
        except Unusable as error:
            self._wrong(error.path, f"{str(error)[:1].upper()}{str(error)[1:]}.")
            return {}
        if problem := schema_problem(parameters):
            where, message = problem
            self._wrong(f"{path}{where}", message)
        return parameters

    def _completed(self, action: Action, parameters: dict[str, Any], path: str) -> Action:
        """With the names of its values, and `required` names put right that are misspelled."""
        defined = defined_fields(action, parameters)
        for wrong, right in misspelled(parameters.get("required", ()), defined).items():
            # Enforced as it stands, the action could never be taken.
            self._doubt(
                f"{path}.required",
                f"Nothing defines {wrong!r}; {right!r} is required in its place: correct it.",
            )
            names = [right if name == wrong else name for name in parameters["required"]]
            parameters["required"] = list(dict.fromkeys(names))
        return replace(
            action,
            parameters=parameters,
            fields=frozenset(defined | set(parameters.get("required", ()))),
        )

    # Findings ------------------------------------------------------------------------------------

    def _object(self, given: Any, path: str) -> dict[str, Any]:
        if isinstance(given, Mapping):
            return dict(given)
        if given is not None:
            self._wrong(path, "It must be an object.")
        return {}

    def _wrong(self, path: str, message: str) -> None:
        self.findings.append(Finding(path, message))

    def _doubt(self, path: str, message: str) -> None:
        self.warnings.append(Finding(path, message, "warning"))
