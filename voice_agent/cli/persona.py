"""``voice-agent persona``: personas as files, checked and tried before anybody calls."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from .loop import run
from .output import remark, say, say_json
from .rehearse import rehearse
from .serve import Overrides

if TYPE_CHECKING:
    from ..personas.repository import Personas

app = App(name="persona", help="Check, test, import and export personas as files.")
app.command(rehearse, name="test")


@app.command
def lint(*files: Path, json: bool = False) -> int:
    """Say what is wrong or doubtful in persona files. Exit code 1 if there is an error.

    Parameters
    ----------
    files
        TOML or JSON files.
    json
        Print the findings, and how long each prompt is, as JSON.
    """
    from ..persona_check import check

    reports = [check(file) for file in files]
    if json:
        say_json([report.as_json() for report in reports])
    else:
        for report in reports:
            for finding in report.findings:
                say(f"{report.file}: {finding}")
            if report.meter is not None:
                tokens, level = report.meter.tokens, report.meter.level
                say(f"{report.file}: {report.verdict}, prompt of about {tokens} tokens ({level}).")
            else:
                say(f"{report.file}: {report.verdict}.")
    return 1 if any(report.failed for report in reports) else 0


@app.command
def new(name: str, *, to: Path | None = None) -> int:
    """Write a file for a new persona, to be filled in where there are brackets.

    Parameters
    ----------
    name
        What to call it.
    to
        The file; by default one of that name in this folder. It must not exist.
    """
    from ..errors import CommandError
    from ..personas.files import blank, file_name, write

    persona = blank(name)
    path = to or Path(file_name(persona))
    if path.exists():
        raise CommandError(f"{path} exists already: name another file with --to.")
    write(persona, path)
    say(str(path))
    return 0


@app.command
def voice(
    name: str,
    link: str,
    *,
    publish: bool = False,
    config: str = "local.toml",
    workspace: str = "",
    overrides: Overrides = (),
) -> int:
    """Let a persona speak with a voice of ElevenLabs's, also one that somebody shared or cloned.

    Parameters
    ----------
    name
        The persona's.
    link
        The share link, or the voice's id.
    publish
        For all calls from now on.
    config
        A TOML file, or the name of an included one; `storage.url` says where personas are kept.
    workspace
        Empty for the usual one.
    """
    return run(_voice(name, link, publish, config, workspace, overrides))


async def _voice(
    name: str,
    link: str,
    publish: bool,
    config: str,
    workspace: str,
    overrides: tuple[str, ...],
) -> int:
    from ..personas.exchange import take_in
    from ..personas.voices import imported_voice

    chosen = imported_voice(link)
    async with _kept(config, workspace, overrides) as personas:
        draft = (await personas.named(name)).draft
        changed = draft.model_copy(update={"voice": chosen})
        stored, change = await take_in(personas, changed, publish=publish)
    say(f"{stored.id}  {stored.name}  {change}, voice {chosen.voice_id}")
    return 0


@app.command(name="list")
def list_personas(
    *,
    config: str = "local.toml",
    workspace: str = "",
    overrides: Overrides = (),
    json: bool = False,
) -> int:
    """Show the personas that the server keeps.

    Parameters
    ----------
    config
        A TOML file, or the name of an included one; `storage.url` says where they are kept.
    workspace
        Empty for the usual one.
    """
    return run(_list(config, workspace, overrides, json))


async def _list(config: str, workspace: str, overrides: tuple[str, ...], json: bool) -> int:
    from ..personas.exchange import everything

    async with _kept(config, workspace, overrides) as personas:
        found = await everything(personas)
    if json:
        say_json(
            [
                {
                    "id": each.id,
                    "name": each.name,
                    "version": each.version,
                    "draft_differs": each.draft != each.published,
                    "updated_at": each.updated_at,
                }
                for each in found
            ]
        )
        return 0
    for each in found:
        version = f"version {each.version}" if each.version else "never published"
        draft = ", draft differs" if each.version and each.draft != each.published else ""
        say(f"{each.id}  {each.name}  ({version}{draft})")
    return 0


@app.command(name="import")
def import_files(
    *files: Path,
    publish: bool = False,
    config: str = "local.toml",
    workspace: str = "",
    overrides: Overrides = (),
) -> int:
    """Keep the personas of files as drafts, each in place of the one of its name.

    Nothing is imported if a file has an error; `persona lint` says which.

    Parameters
    ----------
    files
        TOML or JSON files.
    publish
        Give them to all calls from now on.
    config
        A TOML file, or the name of an included one; `storage.url` says where they are kept.
    workspace
        Empty for the usual one.
    """
    return run(_import(files, publish, config, workspace, overrides))


async def _import(
    files: tuple[Path, ...],
    publish: bool,
    config: str,
    workspace: str,
    overrides: tuple[str, ...],
) -> int:
    from ..persona_check import check
    from ..personas.exchange import take_in
    from ..personas.files import read

    reports = [check(file) for file in files]
    for report in reports:
        for finding in report.findings:
            remark(f"{report.file}: {finding}")
    if any(report.failed for report in reports):
        return 1
    async with _kept(config, workspace, overrides) as personas:
        for file in files:
            stored, change = await take_in(personas, read(file), publish=publish)
            version = f", version {stored.version}" if publish else ""
            say(f"{stored.id}  {stored.name}  {change}{version}")
    return 0


@app.command
def export(
    *names: str,
    to: Path = Path("."),
    draft: bool = False,
    config: str = "local.toml",
    workspace: str = "",
    overrides: Overrides = (),
) -> int:
    """Write personas to files, one each, as they were published last.

    Parameters
    ----------
    names
        Names or ids; all without any.
    to
        A folder, for TOML files; or a .toml or .json file for a single persona.
    draft
        Write what is being edited instead.
    config
        A TOML file, or the name of an included one; `storage.url` says where they are kept.
    workspace
        Empty for the usual one.
    """
    return run(_export(names, to, draft, config, workspace, overrides))


async def _export(
    names: tuple[str, ...],
    to: Path,
    draft: bool,
    config: str,
    workspace: str,
    overrides: tuple[str, ...],
) -> int:
    from ..errors import CommandError
    from ..personas.exchange import everything
    from ..personas.files import SUFFIXES, file_name, write

    async with _kept(config, workspace, overrides) as personas:
        found = await everything(personas)
    unknown = set(names) - {each.id for each in found} - {each.name for each in found}
    if unknown:
        raise CommandError(f"There is no persona {', '.join(sorted(unknown))}; see `persona list`.")
    chosen = [each for each in found if not names or each.id in names or each.name in names]
    one_file = to.suffix in SUFFIXES
    if one_file and len(chosen) != 1:
        raise CommandError(f"{to} is one file for {len(chosen)} personas: name a folder, or one.")
    taken: set[Path] = set()
    for each in chosen:
        persona = each.draft if draft or each.published is None else each.published
        path = to if one_file else to / file_name(persona)
        if path in taken:  # "Bella Roma" and "bella roma!" would share it.
            path = path.with_stem(f"{path.stem}-{each.id}")
        taken.add(path)
        write(persona, path)
        say(str(path))
    return 0


@asynccontextmanager
async def _kept(
    config: str, workspace: str, overrides: tuple[str, ...]
) -> AsyncIterator["Personas"]:
    """The personas in the database of a configuration."""
    from ..calls.records import DEFAULT_WORKSPACE
    from ..settings import load
    from ..storage.store import opened

    storage = load(config, overrides).settings.storage
    password = os.environ.get(storage.password_env, "") if storage.password_env else ""
    async with opened(storage.url, password) as store:
        yield store.personas(workspace or DEFAULT_WORKSPACE)
