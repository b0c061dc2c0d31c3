"""``voice-agent providers``: whether the configured services serve us."""

from cyclopts import App

from .loop import run
from .output import remark, say, say_json
from .serve import Overrides

app = App(name="providers", help="Try the services that a configuration uses.")


@app.command(name="test")
def test_providers(
    *,
    config: str = "local.toml",
    timeout_s: float = 15.0,
    overrides: Overrides = (),
    json: bool = False,
) -> int:
    """Ask each configured provider something small, fallbacks included, all at once.

    Recognizers hear a second of sound, language models answer with one token, voices say one word.
    It may cost a fraction of a cent. Exit code 1 if one of them does not work.

    Parameters
    ----------
    config
        A TOML file, or the name of an included one.
    timeout_s
        How long each may take to its first result.
    json
        Print the results as JSON.
    """
    return run(_test(config, overrides, timeout_s, json))


async def _test(config: str, overrides: tuple[str, ...], timeout_s: float, json: bool) -> int:
    from ..settings import load
    from ..trial import try_all

    trials = await try_all(load(config, overrides), timeout_s, remark)
    if json:
        say_json(trials)
    else:
        for trial in trials:
            name = f"{trial.key:16} {trial.provider:14}"
            if trial.works:
                say(f"{name} works    {trial.first_ms:6} ms")
            else:
                say(f"{name} {trial.problem}. {trial.mend}")
    return 0 if all(trial.works for trial in trials) else 1
