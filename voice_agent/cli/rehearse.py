"""``voice-agent persona test``: dialogues in writing, by a script."""

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from .loop import run
from .output import remark, say, say_json
from .serve import Overrides

if TYPE_CHECKING:
    from voice_pipelines.ports import LanguageModel

    from ..personas.persona import Persona
    from ..rehearsal.rehearsal import DialogueResult


def rehearse(
    script: Path,
    *,
    persona: Path | None = None,
    scripted: bool = False,
    config: str = "local.toml",
    overrides: Overrides = (),
    json: bool = False,
) -> int:
    """Play scripted text dialogues with a persona: the real prompt, model and actions, no audio.

    Nothing is done in the world: the script answers webhooks. docs/personas.md shows how to write
    one. Exit code 1 if an expectation is not met.

    Parameters
    ----------
    script
        A TOML or JSON file with dialogues.
    persona
        Another persona's file than the one that the script names.
    scripted
        Let the script answer instead of the language model: to test prompt and actions alone.
    config
        A TOML file, or the name of an included one: whose language model answers, and judges.
    json
        Print the results as JSON.
    """
    return run(_played(script, persona, scripted, config, overrides, json))


async def _played(
    file: Path,
    persona_file: Path | None,
    scripted: bool,
    config: str,
    overrides: tuple[str, ...],
    json: bool,
) -> int:
    from ..errors import CommandError
    from ..personas.files import read
    from ..rehearsal.rehearsal import Rehearsal
    from ..rehearsal.script import read_script
    from ..telemetry.logs import configure

    configure("warning", "auto")
    script = read_script(file)
    if persona_file is None and not script.persona:
        raise CommandError(f"{file} names no `persona`: give one with --persona.")
    persona = read(persona_file or file.parent / script.persona)
    async with AsyncExitStack() as stack:
        llm, tools = None, True
        if not scripted:
            llm, tools = await _language_model(persona, config, overrides, stack)
        rehearsal = Rehearsal(persona, llm, tools=tools, judge=llm)
        results = [await rehearsal.play(dialogue) for dialogue in script.dialogues]
    if json:
        say_json(results)
    else:
        for result in results:
            _show(result)
    return 0 if all(result.passed for result in results) else 1


async def _language_model(
    persona: "Persona", config: str, overrides: tuple[str, ...], stack: AsyncExitStack
) -> tuple["LanguageModel", bool]:
    """The model that would write for `persona`, and whether it takes tools."""
    import asyncio

    from voice_pipelines.engine.clock import LoopClock
    from voice_pipelines.errors import ProviderError

    from ..errors import VoiceAgentError
    from ..persona_providers import llm_choice
    from ..providers import Stages
    from ..settings import check_provider, load

    configuration = load(config, overrides)
    part = configuration.settings.llm
    clock = LoopClock(asyncio.get_running_loop())
    try:
        stages = Stages(configuration, stack, clock, remark)
        if persona.llm is None:
            check_provider("llm", "llm", part, os.environ)
            # Not `llm()`: nobody is on the line, so it may be slow, and no other is to answer.
            return await stages.one_llm(part), part.provider == "openai"
        own = llm_choice(persona.llm, part)
        check_provider("llm", f"persona {persona.name}: llm", own, os.environ)
        return await stages.one_llm(own), True
    except ProviderError as error:
        raise VoiceAgentError(f"The language model did not start: {error}.") from error


def _show(result: "DialogueResult") -> None:
    say(f"{'passed' if result.passed else 'FAILED'}  {result.name}")
    for turn in result.turns:
        if result.passed:
            continue
        if turn.user:
            say(f"    user:    {turn.user}")
        if turn.reply:
            say(f"    persona: {turn.reply}")
        for action in turn.actions:
            say(f"    action:  {action}")
        for failure in turn.failures:
            say(f"    ! {failure}")
