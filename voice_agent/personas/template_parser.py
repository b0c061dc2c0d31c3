"""Templates read: what can be understood of them, and findings against the rest."""

import difflib
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from .findings import Finding, Severity
from .keywords import DETAILS, FIELDS, SAYINGS, TABLE, VALUES
from .template import Each, Listing, Node, Template, Value

_LONG_REMARK = r"(?P<long_remark> \{\{!--.*?--\}\} ) |"
_TOKENS = r"""
      (?P<remark> \{\{![^{}]*\}\} )
    | (?P<tag> \{\{\{[^{}]*\}\}\} | \{\{[^{}]*\}\} )
    | (?P<misprint> \{{1,2} \s* details\.[^\s{}]+ \s* \}{1,2} )
    | (?P<stray> \{\{ )
    | \*\*\*(?P<legacy> PERSONA_VOICE_SCHEMA | SCENARIOS_LIST | CURRENT_DATETIME
                      | DETAILS\.[^*\s]+ )\*\*\*
    """
_TOKEN = re.compile(_LONG_REMARK + _TOKENS, re.VERBOSE | re.DOTALL)
_TOKEN_WITHOUT_REMARK = re.compile(_TOKENS, re.VERBOSE)
_REMARK_END = "--}}"
_DEEPEST = 8
"""Blocks in blocks; two make sense."""
_EXPLAINED = 100
"""So many findings are told with a suggestion; a text of nothing but mistakes takes no longer."""
_FOUND = 200
"""More findings help nobody."""
_SEGMENT = re.compile(r"\[([^\]]*)\]|([^.\[\]\s]+)")
_LEGACY = {"PERSONA_VOICE_SCHEMA": "actionsSchema", "CURRENT_DATETIME": "currentDatetime"}


def parse(source: str) -> Template:
    """Understand what can be understood; never raises."""
    return _Parser(source).parse()


def split_path(text: str) -> tuple[str, ...] | None:
    """``details.a.[b c]`` as its segments, None if it is no path."""
    segments = []
    end = 0
    for match in _SEGMENT.finditer(text):
        if text[end : match.start()] not in ("", ".") or (end > 0) != (match.start() > end):
            return None
        segments.append(match[1] if match[1] is not None else match[2])
        end = match.end()
    complete = end == len(text) and all(segment.strip() for segment in segments)
    return tuple(segments) if segments and complete else None


@dataclass(slots=True)
class _Block:
    """An open block; `path` is None for one that is not known, whose content is dropped."""

    name: str
    path: tuple[str, ...] | None
    line: int
    column: int
    nodes: list[Node] = field(default_factory=list)


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._starts = [0, *(match.end() for match in re.finditer("\n", source))]
        self._open: list[_Block] = []
        self._nodes: list[Node] = []
        self._findings: list[Finding] = []

    def parse(self) -> Template:
        end = 0
        for match in self._tokens():
            self._text(self._source[end : match.start()])
            end = match.end()
            self._token(match)
        self._text(self._source[end:])
        while self._open:
            self._unclosed(self._open.pop())
        return Template(tuple(self._nodes), tuple(sorted(self._findings, key=_place)[:_FOUND]))

    def _tokens(self) -> Iterator[re.Match[str]]:
        # Behind the last end of a remark none can be complete, and looking for its end from each
        # beginning would take time that grows with the square of the text.
        last = self._source.rfind(_REMARK_END)
        border = 0 if last < 0 else last + len(_REMARK_END)
        yield from _TOKEN.finditer(self._source, 0, border)
        yield from _TOKEN_WITHOUT_REMARK.finditer(self._source, border)

    def _token(self, match: re.Match[str]) -> None:
        line, column = self._at(match.start())
        if match["tag"]:
            self._tag(match["tag"], line, column)
        elif match["misprint"]:
            inside = match["misprint"].strip("{}").strip()
            self._find(
                line,
                column,
                "misprint",
                f"Write {{{{{inside}}}}} with two braces on both sides.",
                Severity.WARNING,
            )
            self._value(inside, line, column)
        elif match["stray"]:
            self._find(
                line,
                column,
                "unclosed-keyword",
                "These two braces open a keyword that is never closed; close it with }} "
                "or take them away.",
            )
        elif match["legacy"]:
            self._legacy(match["legacy"], line, column)

    def _legacy(self, word: str, line: int, column: int) -> None:
        if word == "SCENARIOS_LIST":
            new = "{{#each scenarios}} … {{/each}}"
            self._add(Listing())
        else:
            name = _LEGACY.get(word) or f"details.{word.partition('.')[2]}"
            new = f"{{{{{name}}}}}"
            self._value(name, line, column)
        self._find(
            line,
            column,
            "legacy-keyword",
            f"***{word}*** is an old form; write {new}.",
            Severity.WARNING,
        )

    def _tag(self, tag: str, line: int, column: int) -> None:
        if tag.startswith("{{{"):
            self._find(
                line,
                column,
                "three-braces",
                "Two braces are enough: values are never escaped.",
                Severity.WARNING,
            )
        inside = tag.strip("{}").strip()
        if inside.startswith("#"):
            self._open_block(inside[1:].split(), line, column)
        elif inside.startswith("/"):
            self._close_block(inside[1:].strip(), line, column)
        else:
            self._value(inside, line, column)

    def _value(self, text: str, line: int, column: int) -> None:
        path = split_path(text)
        if path is None:
            self._find(
                line,
                column,
                "unknown-keyword",
                f"{{{{{text}}}}} is no keyword; it is left out. There are {_keyword_list()}.",
            )
            return
        problem = self._problem(path)
        if problem:
            self._find(line, column, "unknown-keyword", problem)
            return
        self._add(Value(path, line, column))

    def _problem(self, path: tuple[str, ...]) -> str:
        """What is wrong with a value of that path here; empty if nothing."""
        head, *rest = path
        inside = [block.path for block in self._open if block.path]
        if head == DETAILS:
            return "" if rest else "Say which detail: {{details.key}}."
        if head in VALUES:
            return f"{{{{{head}}}}} has no parts; leave .{'.'.join(rest)} away." if rest else ""
        name = rest[0] if head == "this" and rest else head
        if len(inside) == 1 and (name in FIELDS or (head in ("this", "@index") and not rest)):
            return ""
        if len(inside) > 1 and (head in ("this", "@index", *FIELDS)):
            return ""
        if name in FIELDS or head in ("this", "@index"):
            return (
                f"{{{{{'.'.join(path)}}}}} has a meaning within {{{{#each scenarios}}}} and "
                "{{/each}} only; it is left out."
            )
        known = [*VALUES, DETAILS, *(FIELDS if inside else ())]
        known = known if len(self._findings) < _EXPLAINED else []
        close = difflib.get_close_matches(name[:100], known, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {_keyword_list()}."
        if head == DETAILS or not close:
            hint += f" A value of the conversation is written {{{{details.{name}}}}}."
        return f"There is no keyword {{{{{'.'.join(path)}}}}}, it is left out; {hint}"

    def _open_block(self, words: list[str], line: int, column: int) -> None:
        name = words[0] if words else ""
        path = split_path(words[1]) if name == "each" and len(words) == 2 else None
        inside = [block.path for block in self._open if block.path]
        known = (path == ("scenarios",) and not inside) or (
            path is not None
            and len(inside) == 1
            and path[-1] in SAYINGS
            and path[:-1] in ((), ("this",))
        )
        if not known:
            self._find(
                line,
                column,
                "unknown-block",
                f"{{{{#{' '.join(words)}}}}} is not known, and all up to its end is left out; "
                "the only block is {{#each scenarios}} … {{/each}}.",
            )
        if len(self._open) < _DEEPEST:
            self._open.append(_Block(name, path if known else None, line, column))

    def _close_block(self, name: str, line: int, column: int) -> None:
        if not self._open:
            self._find(
                line,
                column,
                "unbalanced-block",
                f"{{{{/{name}}}}} closes a block that was not opened; take it away.",
            )
            return
        block = self._open.pop()
        if name != block.name:
            self._find(
                line,
                column,
                "unbalanced-block",
                f"{{{{/{name}}}}} closes {{{{#{block.name}}}}} of line {block.line}; "
                f"write {{{{/{block.name}}}}}.",
            )
        if block.path is not None:
            self._add(Each(block.path, tuple(block.nodes), block.line, block.column))

    def _unclosed(self, block: _Block) -> None:
        self._find(
            block.line,
            block.column,
            "unbalanced-block",
            f"This block is never closed; write {{{{/{block.name}}}}} where it ends. "
            "Until then it is left out.",
        )
        # Its text is not lost: only what depends on the loop is. Nothing in it was an item of it.
        for node in block.nodes:
            if isinstance(node, str) or (isinstance(node, Value) and _is_global(node)):
                self._add(node)

    def _text(self, text: str) -> None:
        if text:
            self._add(text)

    def _add(self, node: Node) -> None:
        (self._open[-1].nodes if self._open else self._nodes).append(node)

    def _find(
        self,
        line: int,
        column: int,
        code: str,
        message: str,
        severity: Severity = Severity.ERROR,
    ) -> None:
        self._findings.append(Finding(severity, code, message, line, column))

    def _at(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def _is_global(value: Value) -> bool:
    return value.path[0] in (DETAILS, *VALUES)


def _place(finding: Finding) -> tuple[int, int]:
    return finding.line, finding.column


def _keyword_list() -> str:
    *first, last = (each.text for each in TABLE if each.place in ("anywhere", "prompt"))
    return f"{', '.join(first)} and {last}"
