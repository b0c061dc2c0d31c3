"""``voice-agent twilio``: the numbers of a Twilio account."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

from cyclopts import App

from ..errors import ConfigurationError
from .loop import run
from .output import say, say_json
from .serve import Overrides

if TYPE_CHECKING:
    from ..settings import Settings
    from ..telephony.rest import Account
    from ..telephony.setup import Finding
    from ..telephony.urls import Urls

app = App(name="twilio", help="Connect telephone numbers, and find out why one does not answer.")


@app.command
def connect(
    number: str,
    *,
    persona: str = "",
    config: str = "local.toml",
    overrides: Overrides = (),
    json: bool = False,
) -> int:
    """Let the agent answer a number of the account, and see that it does.

    The server must be running at `server.public_url`.

    Parameters
    ----------
    number
        The number, such as +14155550100.
    persona
        Who answers; without it, the persona that has the number.
    config
        The server's configuration: a TOML file, or the name of an included one.
    json
        Print the result as JSON.
    """
    return run(_connect(number, persona, config, overrides, json))


@app.command
def check(
    *numbers: str, config: str = "local.toml", overrides: Overrides = (), json: bool = False
) -> int:
    """Find out why calls do not arrive: account, numbers, addresses, signatures.

    Parameters
    ----------
    numbers
        Numbers of the account; without any, those that are connected to this server.
    config
        The server's configuration: a TOML file, or the name of an included one.
    json
        Print the result as JSON.
    """
    return run(_check(numbers, config, overrides, json))


async def _connect(
    number: str, persona: str, config: str, overrides: tuple[str, ...], json: bool
) -> int:
    from ..telephony import setup
    from ..telephony.rest import connected

    settings, account, urls = _setting(config, overrides)
    async with connected(account, settings.twilio.api_url) as rest:
        made = await setup.connect(rest, urls, number, persona)
        findings = await setup.check_numbers(rest, urls, (made.number,))
    findings += await setup.check_server(urls, made.webhook, made.number, account.auth_token)
    if json:
        say_json({**asdict(made), "persona": persona, "findings": _rows(findings)})
        return _code(findings)
    before = f" Before, it asked {made.before}." if made.before not in ("", made.webhook) else ""
    say(f"{made.number} is connected.{before}")
    _show(findings)
    if _code(findings) == 0:
        say(f"Call {made.number} to talk to {persona or 'the agent'}.")
    return _code(findings)


async def _check(
    numbers: tuple[str, ...], config: str, overrides: tuple[str, ...], json: bool
) -> int:
    from ..telephony import setup
    from ..telephony.rest import connected

    settings, account, urls = _setting(config, overrides)
    async with connected(account, settings.twilio.api_url) as rest:
        findings = await setup.examine(rest, urls, numbers, account.auth_token)
    if json:
        say_json({"findings": _rows(findings)})
    else:
        _show(findings)
    return _code(findings)


def _setting(config: str, overrides: tuple[str, ...]) -> "tuple[Settings, Account, Urls]":
    from ..settings import check_exposure, load
    from ..telephony.rest import Account
    from ..telephony.urls import Urls

    settings = load(config, overrides).settings
    for variable in (settings.twilio.account_sid_env, settings.twilio.auth_token_env):
        if not os.environ.get(variable):
            raise ConfigurationError(
                f"Put the account's SID and auth token into {settings.twilio.account_sid_env} and "
                f"{settings.twilio.auth_token_env}; {variable} is not set."
            )
    check_exposure(settings, os.environ)
    account = Account(
        os.environ[settings.twilio.account_sid_env], os.environ[settings.twilio.auth_token_env]
    )
    return settings, account, Urls(settings.server.public_url)


def _rows(findings: "list[Finding]") -> list[dict[str, object]]:
    return [asdict(finding) for finding in findings]


def _show(findings: "list[Finding]") -> None:
    for finding in findings:
        say(f"{'ok ' if finding.ok else 'NOT'}  {finding.text}")


def _code(findings: "list[Finding]") -> int:
    return 0 if all(finding.ok for finding in findings) else 1
