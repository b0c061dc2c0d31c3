"""``voice-agent persona``"""

import json
from pathlib import Path

import pytest

from voice_agent.cli import main
from voice_agent.personas.files import read
from voice_agent.settings import data_directory

PERSONAS = data_directory() / "personas"
DIALOGUES = data_directory() / "dialogues"


def code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["persona", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_lint_says_where_and_how_to_mend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text("name = 'A'\nprompt = 'You {{detials.name}}'")
    assert code("lint", str(path)) == 1
    told = capsys.readouterr().out
    assert f"{path}: prompt:1:5: error: There is no keyword" in told
    assert "did you mean details?" in told
    assert "1 error, no warnings, prompt of about 5 tokens (green)." in told


def test_lint_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert code("lint", str(PERSONAS / "appointments.toml"), "--json") == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["findings"] == []
    assert report["level"] == "green"


def test_personas_go_into_the_database_and_come_out_as_they_were(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--config", "scripted", "--set", f"storage.url=sqlite:///{tmp_path / 'a.db'}")
    files = [str(PERSONAS / name) for name in ("appointments.toml", "restaurant.toml")]
    assert code("import", *files, *place) == 0
    assert capsys.readouterr().out.count("created") == 2
    assert code("import", files[0], "--publish", *place) == 0
    assert "Appointments  changed, version 1" in capsys.readouterr().out
    assert code("import", files[0], "--publish", *place) == 0
    assert "Appointments  unchanged, version 1" in capsys.readouterr().out
    assert code("list", *place) == 0
    told = capsys.readouterr().out
    assert "Appointments  (version 1)" in told and "Bella Roma  (never published)" in told
    assert code("list", "--json", *place) == 0
    assert {each["version"] for each in json.loads(capsys.readouterr().out)} == {0, 1}
    assert code("export", "--to", str(tmp_path), *place) == 0
    for name, source in zip(("appointments.toml", "bella-roma.toml"), files, strict=True):
        assert read(tmp_path / name) == read(Path(source))
    one = tmp_path / "one.json"
    assert code("export", "Bella Roma", "--to", str(one), *place) == 0
    assert read(one) == read(PERSONAS / "restaurant.toml")


def test_what_is_published_is_exported_unless_the_draft_is_wanted(tmp_path: Path) -> None:
    place = ("--config", "scripted", "--set", f"storage.url=sqlite:///{tmp_path / 'a.db'}")
    file, out = tmp_path / "in.toml", tmp_path / "out.toml"
    for prompt, flags in (("One.", ("--publish",)), ("Two.", ())):
        file.write_text(f"name = 'A'\nprompt = '{prompt}'")
        assert code("import", str(file), *flags, *place) == 0
    assert code("export", "A", "--to", str(out), *place) == 0
    assert read(out).prompt == "One."
    assert code("export", "A", "--to", str(out), "--draft", *place) == 0
    assert read(out).prompt == "Two."


def test_a_file_with_an_error_is_not_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--config", "scripted", "--set", f"storage.url=sqlite:///{tmp_path / 'a.db'}")
    file = tmp_path / "a.toml"
    file.write_text("name = 'A'\nprompt = '{{wether}}'")
    assert code("import", str(file), *place) == 1
    assert "There is no keyword {{wether}}" in capsys.readouterr().err
    assert code("export", "A", "--to", str(tmp_path), *place) == 2
    assert "There is no persona A" in capsys.readouterr().err


def test_dialogues_are_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code("test", str(DIALOGUES / "appointments.toml"), "--scripted") == 0
    assert capsys.readouterr().out.count("passed") == 4
    script = tmp_path / "script.toml"
    script.write_text("[[dialogues]]\nname = 'x'\nturns = [{ user = 'Hi', reply = 'Hello' }]")
    assert code("test", str(script), "--scripted") == 2
    assert "give one with --persona" in capsys.readouterr().err
    persona = ("--persona", str(PERSONAS / "scripted.toml"))
    assert code("test", str(script), "--scripted", *persona) == 1
    assert "'Hello' is not in what was said: nothing" in capsys.readouterr().out


def test_the_configured_model_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "script.toml"
    script.write_text("[[dialogues]]\nname = 'x'\nturns = [{ user = 'Hi', reply = 'Hello you' }]")
    arguments = ("--persona", str(PERSONAS / "scripted.toml"), "--config", "scripted")
    assert code("test", str(script), *arguments, "--set", "llm.text=Hello you.", "--json") == 0
    (result,) = json.loads(capsys.readouterr().out)
    assert result["turns"][0]["reply"] == "Hello you."


def test_a_new_persona_is_a_pattern_to_fill_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """S004-16: who it is, its job, how it does it, and the most important once more."""
    path = tmp_path / "anna.toml"
    assert code("new", "Anna", "--to", str(path)) == 0
    prompt = read(path).prompt
    places = [prompt.index(part) for part in ("You are [", "Your job is [", "To do that,", "once")]
    assert places == sorted(places)
    assert code("lint", str(path)) == 0
    assert code("new", "Anna", "--to", str(path)) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_shared_voice_becomes_the_personas(tmp_path: Path) -> None:
    """S004-08: the share link and the persona's name are all that it takes."""
    place = ("--config", "scripted", "--set", f"storage.url=sqlite:///{tmp_path / 'a.db'}")
    assert code("import", str(PERSONAS / "restaurant.toml"), *place) == 0
    link = f"https://elevenlabs.io/app/voice-lab/share/{'a1' * 32}/21m00Tcm4TlvDq8ikWAM"
    assert code("voice", "Bella Roma", link, *place) == 0
    assert code("export", "Bella Roma", "--to", str(tmp_path / "b.toml"), *place) == 0
    voice = read(tmp_path / "b.toml").voice
    assert voice is not None
    assert (voice.provider, voice.voice_id) == ("elevenlabs", "21m00Tcm4TlvDq8ikWAM")
    assert code("voice", "Nobody", link, *place) == 1
    assert code("voice", "Bella Roma", "https://x.example/", *place) == 1
