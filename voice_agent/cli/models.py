"""``voice-agent models``: the local models' files."""

from cyclopts import App

from .output import say, say_json
from .serve import Overrides

app = App(name="models", help="List, pull and verify the files of the local models.")


@app.command(name="list")
def list_models(*, json: bool = False) -> None:
    """Show every model that the program knows, and whether it is here."""
    from ..models.store import Store

    rows = Store().status()
    if json:
        say_json(
            [
                {
                    "name": row.name,
                    "role": row.role,
                    "bytes": row.size,
                    "licence": row.licence,
                    "state": row.state.value,
                }
                for row in rows
            ]
        )
        return
    for row in rows:
        size = f"{row.size / 1e6:7.1f} MB"
        say(f"{row.name:18} {row.role:26} {size}  {row.licence:14} {row.state.value}")


@app.command
def pull(*names: str, config: str = "local.toml", overrides: Overrides = ()) -> None:
    """Download, check and convert models. What is here already is left alone.

    Parameters
    ----------
    names
        Names of `models list`; without any, those that the configuration uses.
    config
        A TOML file, or the name of an included one.
    """
    from ..models.machine import machine
    from ..models.progress import shown
    from ..providers import local_llm_name, model_store, needed_models
    from ..settings import load
    from .output import remark

    settings = load(config, overrides).settings
    wanted = list(names) or needed_models(settings)
    if not names and settings.llm.provider == "local" and not settings.llm.model:
        cores, free = machine()
        remark(
            f"Language model for this machine ({cores} cores, {free / 2**30:.0f} GiB free): "
            f"{local_llm_name(settings.llm)}; `llm.model` overrides it."
        )
    with shown() as progress:
        model_store(settings).pull(wanted, progress)


@app.command
def verify(*names: str, config: str = "local.toml") -> None:
    """Read all files again and compare their hashes.

    Parameters
    ----------
    names
        Names of `models list`; without any, those that the configuration uses.
    config
        A TOML file, or the name of an included one.
    """
    from ..providers import model_store, needed_models
    from ..settings import load

    settings = load(config).settings
    wanted = list(names) or needed_models(settings)
    model_store(settings).verify(wanted)
    say(f"Intact: {', '.join(wanted)}")
