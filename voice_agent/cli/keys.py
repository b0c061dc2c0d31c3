"""``voice-agent keys`` and ``voice-agent database``: what is done beside a running server."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from ..errors import CommandError, VoiceAgentError
from .loop import run
from .output import remark, say, say_json
from .serve import Overrides

if TYPE_CHECKING:
    from ..access.keys import ApiKey
    from ..storage.store import Store

app = App(name="keys", help="Make, list and revoke the keys of the API.")
database = App(name="database", help="Look after the database.")


@app.command
def create(
    kind: Literal["admin", "secret", "client"],
    *,
    workspace: str = "default",
    label: str = "",
    origin: tuple[str, ...] = (),
    persona: tuple[str, ...] = (),
    days: int | None = None,
    config: str = "local.toml",
    overrides: Overrides = (),
    json: bool = False,
) -> None:
    """Make a key and print it. It is not shown again.

    Parameters
    ----------
    kind
        admin: everything. secret: one workspace, for servers. client: public, for web pages.
    workspace
        Where the key is valid.
    label
        What it is for.
    origin
        Of a client key: a page that may use it, such as https://shop.example; * for all.
    persona
        Of a client key: the id of a persona that it may talk to; none for all.
    days
        How long it is valid; until it is revoked if left out.
    config
        A TOML file, or the name of an included one.
    json
        Print the key as JSON.
    """
    if kind == "client" and not origin:
        raise CommandError("A client key is public: name the pages that may use it with --origin.")
    if kind != "client" and (origin or persona):
        raise CommandError("Only client keys are bound to --origin and --persona.")
    if days is not None and days < 1:
        raise CommandError("--days must be 1 or more.")

    async def made() -> None:
        async with _store(config, overrides) as store:
            life = None if days is None else timedelta(days=days)
            key = await store.keys.create(kind, workspace, label, origin, persona, life)
        if json:
            say_json({**_row(key.key), "key": key.text})
        else:
            say(key.text)
            remark("Keep it: it is not shown again.")

    run(made())


@app.command(name="list")
def list_keys(*, config: str = "local.toml", overrides: Overrides = (), json: bool = False) -> None:
    """Show the keys that are valid, without their secrets.

    Parameters
    ----------
    config
        A TOML file, or the name of an included one.
    json
        Print them as JSON.
    """

    async def listed() -> None:
        async with _store(config, overrides) as store:
            keys: list[ApiKey] = []
            while more := await store.keys.list(after=keys[-1].id if keys else "", limit=500):
                keys += more
        if json:
            say_json([_row(key) for key in keys])
            return
        for key in keys:
            until = f"until {key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "until revoked"
            place = f"{key.id}  {key.kind:7}  {key.workspace:16}  {until:22}"
            say(" ".join((place, key.label, *key.origins, *key.personas)).rstrip())

    run(listed())


@app.command
def revoke(id: str, *, config: str = "local.toml", overrides: Overrides = ()) -> None:
    """End a key at once.

    Parameters
    ----------
    id
        As `keys list` shows it, or the key itself.
    config
        A TOML file, or the name of an included one.
    """

    async def revoked() -> None:
        from ..access.keys import read

        written = read(id)
        async with _store(config, overrides) as store:
            if not await store.keys.revoke(written.id if written else id):
                raise VoiceAgentError("There is no such key, or it was revoked already.")
        say("Revoked.")

    run(revoked())


@app.command
def link(*, config: str = "local.toml", overrides: Overrides = (), json: bool = False) -> None:
    """Print a link with which whoever opens it first becomes an administrator.

    It makes an account, or gives one a new password if that was lost. It works once, for an hour.

    Parameters
    ----------
    config
        A TOML file, or the name of an included one.
    json
        Print it as JSON.
    """

    async def printed() -> None:
        from ..settings import load
        from ..web.pages import sign_in_link

        async with _store(config, overrides) as store:
            made = await store.keys.new_link()
        server = load(config, overrides).settings.server
        url = sign_in_link(server.public_url or f"http://{server.host}:{server.port}", made.text)
        if json:
            say_json({"link": url})
        else:
            say(url)

    run(printed())


@database.command
def upgrade(*, config: str = "local.toml", overrides: Overrides = ()) -> None:
    """Bring the database's tables up to date. `serve` does so by itself.

    Parameters
    ----------
    config
        A TOML file, or the name of an included one.
    """

    async def upgraded() -> None:
        async with _store(config, overrides) as store:
            say(f"The database is at migration {await store.database.revision()}.")

    run(upgraded())


@asynccontextmanager
async def _store(config: str, overrides: tuple[str, ...]) -> AsyncIterator["Store"]:
    from ..settings import load
    from ..storage.store import opened

    storage = load(config, overrides).settings.storage
    password = os.environ.get(storage.password_env, "") if storage.password_env else ""
    async with opened(storage.url, password) as store:
        yield store


def _row(key: "ApiKey") -> dict[str, object]:
    return {
        "id": key.id,
        "kind": key.kind,
        "workspace": key.workspace,
        "label": key.label,
        "origins": key.origins,
        "personas": key.personas,
        "expires_at": key.expires_at,
    }
