"""What is doubtful in an actions schema: it can be used, but probably is not what was meant."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from .action import Action, Finding
from .depends import unreachable
from .nearest import nearest
from .notation import holes, references

_ACTION_KEYS = (
    *("_description", "_examples", "_validators", "_action_type", "_depends_on"),
    *("_webhook_constants", "_confirm", "_rate_limit"),
)
_WEBHOOK_KEYS = ("url", "method", "body", "headers", "responseHandler")
_MOST_TOLD = 20
"""Findings of one kind for one action."""
_SECRET_NAME = re.compile(
    r"api[-_]?key|secret|token|passw(or)?d|authorization|auth|credential|private[-_]?key"
    r"|access[-_]?key|bearer",
    re.IGNORECASE,
)
_SECRET_QUERY = re.compile(r"[?&](?:api[-_]?key|key|token|secret|password|sig)=([^&<{#]+)", re.I)
_UNFILLED = re.compile(r"\[[^\]/]*\]|\s")


def lint(actions: Iterable[Action], document: Mapping[str, Any]) -> Iterator[Finding]:
    """The warnings about `actions`, which were read from `document`."""
    actions = list(actions)
    hopeless = unreachable(actions)
    for action in actions:
        path = f"$.properties.{action.name}"
        yield from _unknown_keys(document["properties"][action.name], path)
        yield from _names(action, path)
        yield from _examples(action, path)
        if paths := hopeless.get(action.name):
            yield _doubt(
                f"{path}._depends_on",
                f"No action provides {', '.join(paths)}: only a client that updates the state can "
                "make this action possible.",
            )
        if action.webhook is not None:
            yield from _webhook(action, f"{path}._webhook_constants")


def defined_fields(action: Action, parameters: Mapping[str, Any]) -> set[str]:
    """The names of values that something other than `required` tells of."""
    return _told(action, parameters) | {name.split(".")[0] for name in action.validators}


def _told(action: Action, parameters: Mapping[str, Any]) -> set[str]:
    names = set(parameters.get("properties", ()))
    for example in action.examples:
        shown = example.action_includes.get(action.name)
        names |= set(shown) if isinstance(shown, Mapping) else set()
    if action.webhook is not None:
        names |= set(holes(action.webhook.url))
    return names


def misspelled(required: Iterable[str], defined: Collection[str]) -> dict[str, str]:
    """Required names that nothing defines, each with the defined one that it nearly is."""
    found = {}
    for name in islice((name for name in required if name not in defined), _MOST_TOLD):
        if close := nearest(name, sorted(defined), cutoff=0.8):
            found[name] = close
    return found


def _unknown_keys(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    private = (key for key in given if key.startswith("_") and key not in _ACTION_KEYS)
    for key in islice(private, _MOST_TOLD):
        yield _doubt(f"{path}.{key}", f"The key is not known{_meant(key, _ACTION_KEYS)}")
    constants = given.get("_webhook_constants")
    names = constants if isinstance(constants, Mapping) else ()
    for key in islice((key for key in names if key not in _WEBHOOK_KEYS), _MOST_TOLD):
        yield _doubt(
            f"{path}._webhook_constants.{key}",
            f"The key is not known{_meant(key, _WEBHOOK_KEYS)}",
        )


def _names(action: Action, path: str) -> Iterator[Finding]:
    defined = defined_fields(action, action.parameters)
    required = action.parameters.get("required", ())
    for name in islice(required, _MOST_TOLD):
        if name not in defined:
            yield _doubt(
                f"{path}.required",
                f"Nothing else in the action tells of {name!r}{_meant(name, defined)} Add it to "
                "`properties` or to an example, so that the language model knows what it is.",
            )
    told = _told(action, action.parameters) | set(action.parameters.get("required", ()))
    for name in islice(action.validators, _MOST_TOLD):
        if told and name.split(".")[0] not in told:
            yield _doubt(
                f"{path}._validators.{name}", f"There is no value {name!r}{_meant(name, told)}"
            )
    for name in (
        sorted(action.confirm)[:_MOST_TOLD] if isinstance(action.confirm, frozenset) else ()
    ):
        if action.fields and name not in action.fields:
            yield _doubt(
                f"{path}._confirm", f"There is no value {name!r}{_meant(name, action.fields)}"
            )


def _examples(action: Action, path: str) -> Iterator[Finding]:
    if not action.examples:
        yield _doubt(f"{path}._examples", "Give an example: language models follow them best.")
    for number, example in enumerate(action.examples[:_MOST_TOLD]):
        if action.name not in example.action_includes:
            yield _doubt(
                f"{path}._examples[{number}]",
                f"It shows no {action.name!r}{_meant(action.name, example.action_includes)}",
            )


def _webhook(action: Action, path: str) -> Iterator[Finding]:
    webhook = action.webhook
    assert webhook is not None
    if webhook.url.lower().startswith("http://"):
        yield _doubt(f"{path}.url", "Anybody on the way can read it: use https.")
    rest = webhook.url.split("://", 1)[-1]
    if _UNFILLED.search(rest):
        yield _doubt(f"{path}.url", "It has blanks or [ ] in it: fill them in.")
    if _SECRET_QUERY.search(webhook.url):
        yield _doubt(f"{path}.url", _secret("the key in the address"))
    if webhook.method == "GET":
        unsent = sorted(action.fields - set(holes(webhook.url)))
        if unsent:
            yield _doubt(
                f"{path}.url",
                f"{', '.join(unsent)} is never sent: a GET has no body, so write <{unsent[0]}> "
                "where it belongs.",
            )
    for where, text in _texts({"body": webhook.body, "headers": webhook.headers}, path):
        key = where.rsplit(".", 1)[-1]
        if _SECRET_NAME.search(key) and text.strip() and not references(text):
            yield _doubt(where, _secret("it"))
        elif "{{" in text and not references(text):
            yield _doubt(where, "Only {{details.key}} and {{secret.NAME}} are filled in.")


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, item in value.items():
                yield from _texts(item, f"{path}.{key}")
        case list():
            for number, item in enumerate(value):
                yield from _texts(item, f"{path}[{number}]")


def _secret(what: str) -> str:
    return (
        f"If this is a secret put {what} into an environment variable of the server, name that in "
        "`actions.secret_env` and write {{secret.NAME}} here."
    )


def _meant(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f"; did you mean {close!r}?" if close else "."


def _doubt(path: str, message: str) -> Finding:
    return Finding(path, message, "warning")
