"""LLM deltas to spoken text and the actions that the model wrote into it as JSON.

Models without a tool interface, and some with one, write what they want done into their answer::

    One moment. {"save_email_address": {"email_address": "ann@example.com"}}

bare or in a code fence, one object or several, as ``{"actions": [...]}``, a list, or in the shape
``{"name": …, "arguments": …}`` with or without ``<tool_call>`` around it. None of that is ever
spoken, neither when it is malformed nor when it never ends; a brace that begins no JSON is. ::

             trigger             a JSON object begins          it is complete
    TEXT ──────────────► HELD ─────────────────────► JSON ─────────────────────► TEXT
      ▲                   │ it is text, or markup      │ it is wrong
      ├───────────────────┘                            ▼
      └───────────────────────────────────────────── SKIPPED   until its brackets are closed
"""

import json
import re
from collections.abc import Collection, Iterator
from enum import Enum
from typing import Any, Literal, NoReturn

Call = tuple[str, str]
"""(name, arguments as JSON text)"""

LONGEST_ACTION = 16_384
"""Characters; what is longer is as good as malformed."""
DEEPEST = 32
_LONGEST_OPENING = 64
"""Characters within which it shows whether a brace begins JSON."""

_TRIGGER = re.compile(r"[{\[`<]")
_OPEN_OBJECT = re.compile(r"\{\s*")
_OPEN_LIST = re.compile(r"\[\s*(\{\s*)?")
_BARE_KEY = re.compile(r"\{\s*([A-Za-z_][\w-]*)(\s*)")
_OPEN_FENCE = re.compile(r"`{1,2}|```[A-Za-z_]*\s*")
_FENCE = "```"
_TAGS = tuple(
    f"<{slash}{name}>" for name in ("tool_call", "action", "actions") for slash in ("", "/")
)
_LITERAL = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_LITERAL_CHARS = frozenset("-+.0123456789abcdefghijklmnopqrstuvwxyzE")
_SPACE = frozenset(" \t\r\n")


class _Mode(Enum):
    TEXT = "text"
    HELD = "held"
    JSON = "json"
    SKIPPED = "skipped"


_Verdict = Literal["more", "text", "markup", "fence", "json", "malformed"]


class InlineActions:
    """Separates what is spoken from what is to be done. Text without braces is never delayed."""

    def __init__(self, names: Collection[str] = ()) -> None:
        """`names` of the known actions: by them JSON with bare keys is told from text."""
        self._names = frozenset(names)
        self._mode = _Mode.TEXT
        self._held = ""
        """What was not said yet as it may be the beginning of JSON; then the JSON so far."""
        self._scanner = _Scanner()
        self._depth = 0
        self._fenced = False
        self.dropped = 0
        """How many pieces of JSON could not be understood."""

    def push(self, delta: str) -> list[str | Call]:
        """Take the next delta; return what is to be spoken and done because of it, in order."""
        pieces: list[str | Call] = []
        rest, at = delta, 0
        while at < len(rest):
            match self._mode:
                case _Mode.TEXT:
                    found = _TRIGGER.search(rest, at)
                    end = found.start() if found else len(rest)
                    _say(pieces, rest[at:end])
                    at = end
                    if found:
                        self._mode, self._held = _Mode.HELD, rest[at]
                        at += 1
                case _Mode.HELD:
                    self._held += rest[at]
                    at += 1
                    again = self._judge(pieces)
                    if again:
                        rest, at = again + rest[at:], 0
                case _Mode.JSON:
                    at = self._scan(rest, at, pieces)
                case _Mode.SKIPPED:
                    at = self._skip(rest, at)
        return pieces

    def flush(self) -> list[str | Call]:
        """The answer has ended: return what is left of it, without unfinished JSON."""
        pieces: list[str | Call] = []
        while self._mode is _Mode.HELD:
            # No more can come, so it was text, but what follows its first character is looked at
            # again: "<{" holds both.
            held, self._held, self._mode = self._held, "", _Mode.TEXT
            if not self._fenced or not _FENCE.startswith(held):
                _say(pieces, held[0])
            for piece in self.push(held[1:]):
                pieces.append(piece)
        if self._mode is not _Mode.TEXT:
            self.dropped += 1
        self._mode, self._held, self._fenced = _Mode.TEXT, "", False
        return _merged(pieces)

    # What is held --------------------------------------------------------------------------------

    def _judge(self, pieces: list[str | Call]) -> str:
        """Decide about what is held; return what must be looked at again."""
        held = self._held
        verdict = self._verdict(held)
        match verdict:
            case "more":
                return ""
            case "text":
                _say(pieces, held[0])
                self._mode = _Mode.TEXT
                return held[1:]
            case "markup":
                self._mode = _Mode.TEXT
                return ""
            case "fence":
                self._mode, self._fenced = _Mode.TEXT, True
                return held[-1]
            case "json":
                self._mode, self._held, self._scanner = _Mode.JSON, "", _Scanner()
                return held
            case "malformed":
                self._mode, self._held, self._depth = _Mode.SKIPPED, "", 0
                return held

    def _verdict(self, held: str) -> _Verdict:
        match held[0]:
            case "<":
                if held in _TAGS:
                    return "markup"
                return "more" if any(tag.startswith(held) for tag in _TAGS) else "text"
            case "`":
                return self._judge_fence(held)
        if len(held) > _LONGEST_OPENING:
            return "text"
        opening = _OPEN_OBJECT if held[0] == "{" else _OPEN_LIST
        if opening.fullmatch(held):
            return "more"
        if held[-1] == '"' and opening.fullmatch(held[:-1]) and "{" in held:
            return "json"
        if held[0] == "{" and _OPEN_OBJECT.fullmatch(held[:-1]) and held[-1] in "'}":
            return "malformed" if held[-1] == "'" else "json"
        return self._judge_bare_key(held) if held[0] == "{" else "text"

    def _judge_fence(self, held: str) -> _Verdict:
        if self._fenced:
            if held == _FENCE:
                self._fenced = False
                return "markup"
            return "more" if _FENCE.startswith(held) else "text"
        if len(held) > _LONGEST_OPENING:
            return "text"
        if _OPEN_FENCE.fullmatch(held):
            return "more"
        return "fence" if held.startswith(_FENCE) and held[-1] in "{[" else "text"

    def _judge_bare_key(self, held: str) -> _Verdict:
        if found := _BARE_KEY.fullmatch(held):
            key, space = found.groups()
            possible = key in self._names if space else any(n.startswith(key) for n in self._names)
            return "more" if possible else "text"
        found = _BARE_KEY.fullmatch(held[:-1])
        return "malformed" if found and held[-1] == ":" and found[1] in self._names else "text"

    # JSON ----------------------------------------------------------------------------------------

    def _scan(self, rest: str, at: int, pieces: list[str | Call]) -> int:
        """Take characters of a JSON value from `at` on; return where to go on."""
        for end in range(at, len(rest)):
            match self._scanner.feed(rest[end]):
                case "done":
                    calls = _calls(self._held + rest[at : end + 1])
                    self.dropped += calls is None
                    pieces += calls or ()
                    self._mode, self._held = _Mode.TEXT, ""
                    return end + 1
                case "wrong":
                    self._mode, self._held = _Mode.SKIPPED, ""
                    self._depth = self._scanner.depth
                    return end
                case "left":
                    self.dropped += 1
                    self._mode, self._held = _Mode.TEXT, ""
                    return end
        self._held += rest[at:]
        return len(rest)

    def _skip(self, rest: str, at: int) -> int:
        """Pass over what is malformed: until its brackets, its paragraph or its fence end."""
        for end in range(at, len(rest)):
            char = rest[end]
            self._held = (self._held + char)[-len(_FENCE) :]
            self._depth += (char in "{[") - (char in "}]")
            fence = self._held == _FENCE
            if self._depth <= 0 or fence or self._held.endswith("\n\n"):
                self.dropped += 1
                self._fenced = self._fenced and not fence
                self._mode, self._held = _Mode.TEXT, ""
                return end + 1
        return len(rest)


class _Scanner:
    """Follows one JSON value character by character: where it ends, or that it is none."""

    def __init__(self) -> None:
        self._stack: list[str] = []
        self._expects: Literal["value", "item", "key", "member", "colon", "next"] = "value"
        """``item`` and ``member``: a value or a key, or the end at once."""
        self._literal = ""
        self._length = 0
        self._quoted = self._escaped = self._closed = False

    @property
    def depth(self) -> int:
        return len(self._stack)

    def feed(self, char: str) -> Literal["more", "done", "wrong", "left"]:
        """Take the next character; ``left``: closing brackets are missing and text goes on."""
        self._length += 1
        if self._length > LONGEST_ACTION:
            return "wrong"
        if self._quoted:
            self._in_string(char)
            return "more"
        if self._literal:
            if char in _LITERAL_CHARS:
                self._literal += char
                return "more"
            if not _LITERAL.fullmatch(self._literal):
                return "wrong"
            self._literal, self._expects = "", "next"
        if char in _SPACE:
            return "more"
        closed, self._closed = self._closed, False
        match self._expects, char:
            case (("value" | "item" | "key" | "member"), '"'):
                self._quoted = True
            case (("value" | "item"), ("{" | "[")):
                if len(self._stack) == DEEPEST:
                    return "wrong"
                self._stack.append(char)
                self._expects = "member" if char == "{" else "item"
            case (("value" | "item"), _) if char in _LITERAL_CHARS:
                self._literal = char
            case "colon", ":":
                self._expects = "value"
            case "next", ",":
                self._expects = "key" if self._stack[-1] == "{" else "value"
            case (("next" | "member"), "}") | (("next" | "item"), "]"):
                if self._stack[-1] != ("{" if char == "}" else "["):
                    return "wrong"
                self._stack.pop()
                self._expects, self._closed = "next", True
                return "more" if self._stack else "done"
            case _:
                return "left" if closed and char.isalpha() else "wrong"
        return "more"

    def _in_string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._quoted = False
            self._expects = "colon" if self._expects in ("key", "member") else "next"


# What the JSON asks for --------------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written: an action may come twice in one."""


def _calls(text: str) -> list[Call] | None:
    """The actions in a JSON text, None if it is malformed."""
    try:
        value = json.loads(
            text, strict=False, object_pairs_hook=_Pairs, parse_constant=_no_constant
        )
        return list(_wanted(value))
    except (ValueError, RecursionError):
        return None


def _wanted(value: Any) -> Iterator[Call]:
    if not isinstance(value, _Pairs):
        for item in value if isinstance(value, list) else ():
            yield from _wanted(item)
        return
    keys = {key for key, _ in value}
    members = dict(value)
    if keys in ({"actions"}, {"tool_calls"}) and isinstance(value[0][1], list):
        yield from _wanted(value[0][1])
    elif "function" in keys and keys <= {"function", "type", "id"}:
        yield from _wanted(members["function"])
    elif isinstance(members.get("name"), str) and keys - {"name", "id", "type"} in (
        {"arguments"},
        {"parameters"},
    ):
        arguments = members.get("arguments", members.get("parameters"))
        yield members["name"], arguments if isinstance(arguments, str) else _text(arguments)
    else:
        for name, arguments in value:
            yield name, _text(arguments)


def _text(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, _Pairs):
        members = {key: _plain(item) for key, item in value}
        if len(members) < len(value):
            raise ValueError("a key comes twice")
        return members
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _say(pieces: list[str | Call], text: str) -> None:
    if not text:
        return
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text
    else:
        pieces.append(text)


def _merged(pieces: list[str | Call]) -> list[str | Call]:
    merged: list[str | Call] = []
    for piece in pieces:
        if isinstance(piece, str):
            _say(merged, piece)
        else:
            merged.append(piece)
    return merged
