"""Where settings come from, and that every mistake is told with the key that makes it."""

from pathlib import Path

import pytest

from voice_agent.errors import ConfigurationError
from voice_agent.sections import ServerSettings, TwilioSettings
from voice_agent.settings import (
    Settings,
    apply_overrides,
    check_exposure,
    check_providers,
    is_loopback,
    load,
    parse_override,
)
from voice_pipelines.conversation.policy import TurnPolicy

PERSONA = 'name = "Test"\ninstructions = "Be brief."\n'


def configuration(folder: Path, text: str = "", persona: str = PERSONA) -> Path:
    (folder / "who.toml").write_text(persona, "utf-8")
    path = folder / "test.toml"
    path.write_text(f'persona = "who.toml"\n{text}', "utf-8")
    return path


def test_later_sources_win(tmp_path: Path) -> None:
    path = configuration(tmp_path, "[server]\nport = 1\nmax_calls = 1\ndrain_ms = 1\n")
    environment = {"VOICE_AGENT_SERVER__PORT": "2", "VOICE_AGENT_SERVER__MAX_CALLS": "2"}
    server = load(path, ["server.port=3"], environment).settings.server
    assert (server.port, server.max_calls, server.drain_ms) == (3, 2, 1)
    assert server.host == ServerSettings().host


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("llm.text=hello, you", "hello, you"),
        ('llm.text="42"', "42"),
        ("llm.text=", ""),
        ("llm.text=a=b", "a=b"),
        (" llm.text = x ", "x"),
    ],
)
def test_values_are_toml_or_text(tmp_path: Path, text: str, value: str) -> None:
    assert load(configuration(tmp_path), [text], {}).settings.llm.text == value


def test_the_environment_is_read_by_prefix(tmp_path: Path) -> None:
    path = configuration(tmp_path)
    environment = {
        "VOICE_AGENT_VAD": "energy",
        "VOICE_AGENT_TWILIO__REQUIRE_TOKEN": "false",
        "VOICE_AGENT_MODELS": "/the/folder/of/models",
        "VOICE": "1",
        "OTHER__VAD": "nonsense",
    }
    settings = load(path, (), environment).settings
    assert settings.vad == "energy" and not settings.twilio.require_token
    assert settings.models.directory == ""


def test_included_configurations_have_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load("scripted", (), {}).settings.llm.provider == "scripted"
    assert load("scripted.toml", (), {}).settings.llm.provider == "scripted"
    assert load(None, (), {}).settings.llm.provider == "local"
    configuration(tmp_path).rename("scripted.toml")
    assert load("scripted.toml", (), {}).persona.name == "Test", "a file comes first"


def test_the_policy_has_the_persona_and_the_numbers(tmp_path: Path) -> None:
    persona = PERSONA + '[phrases]\ngreeting = "Hi!"\n'
    path = configuration(tmp_path, "[endpointing]\nmax_ms = 900\n", persona)
    policy = load(path, (), {}).policy()
    assert policy.instructions == "Be brief."
    assert policy.phrases.greeting == "Hi!"
    assert policy.endpointing.max_ms == 900


MISTAKES = [
    ("[server]\nport = 70000\n", "`server.port`"),
    ("[server]\nport = true\n", "`server.port`"),
    ("[server]\nmax_calls = 0\n", "`server.max_calls`"),
    ("[server]\nprot = 1\n", "unknown field `prot`"),
    ("server = 1\n", "`server`"),
    ("sever = 1\n", "unknown field `sever`"),
    ('vad = "ears"\n', "`vad`"),
    ('[llm]\nprovider = "magic"\n', "`llm.provider`"),
    ("[llm]\ntemperature = 3\n", "`llm.temperature`"),
    ("[gate]\nconfirm = 'x'\n", "gate"),
    ("[endpointing]\nmin_ms = -1\n", "`endpointing.min_ms`"),
    ("[endpointing]\nmode = 'hasty'\n", "`endpointing.mode`"),
    ("[limits]\nmax_call_ms = 1e9\n", "`limits.max_call_ms`"),
    ("[server\n", "is no TOML"),
    ("x = \x00\n", "is no TOML"),
]


@pytest.mark.parametrize(("text", "named"), MISTAKES)
def test_mistakes_in_the_file_name_the_file_and_the_key(
    tmp_path: Path, text: str, named: str
) -> None:
    path = configuration(tmp_path, text)
    with pytest.raises(ConfigurationError) as error:
        load(path, (), {})
    assert named in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("VOICE_AGENT_SERVER__PORT", "many", "`server.port`"),
        ("VOICE_AGENT_SERVER__PROT", "1", "unknown field `prot`"),
        ("VOICE_AGENT_SERVER_PORT", "1", "unknown field `server_port`"),
        ("VOICE_AGENT_", "1", "unknown field"),
        ("VOICE_AGENT_VAD", "ears", "`vad`"),
        ("VOICE_AGENT_SERVER", "5", "`server`"),
    ],
)
def test_mistakes_in_the_environment_name_the_variable(
    tmp_path: Path, name: str, value: str, named: str
) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(configuration(tmp_path), (), {name: value, "VOICE_AGENT_STT__TEXT": "fine"})
    assert str(error.value).startswith(f"{name}: ") and named in str(error.value)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("server.port", "key=value"),
        ("=5", "key=value"),
        (" =5", "key=value"),
        ("server..port=5", "key=value"),
        ("", "key=value"),
        ("server.port=many", "`server.port`"),
        ("server.prot=1", "unknown field `prot`"),
        ("server.port.deep=1", "`server.port`"),
        ("twilio={}\nx=1", "`twilio`"),
    ],
)
def test_mistakes_on_the_command_line_name_it(tmp_path: Path, override: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(configuration(tmp_path), ["vad=energy", override], {})
    assert str(error.value).startswith(f"--set {override.split(chr(10))[0]}")
    assert named in str(error.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the included ones are cloud.toml, "):
        load("nothing", (), {})
    with pytest.raises(ConfigurationError, match="There is no configuration /"):
        load(tmp_path / "nothing.toml", (), {})
    path = configuration(tmp_path)
    (tmp_path / "who.toml").unlink()
    with pytest.raises(ConfigurationError, match="`persona` names who.toml"):
        load(path, (), {})


@pytest.mark.parametrize(
    ("persona", "named"),
    [
        ('name = "x"\n', "missing required field `instructions`"),
        (PERSONA + "nickname = 1\n", "unknown field `nickname`"),
        (PERSONA + "[phrases]\ngreeting = 5\n", "`phrases.greeting`"),
    ],
)
def test_mistakes_in_the_persona(tmp_path: Path, persona: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(configuration(tmp_path, persona=persona), (), {})
    assert named in str(error.value) and "who.toml" in str(error.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="is no TOML"):
        load(path, (), {})


def test_a_recorded_policy_with_overrides() -> None:
    policy = apply_overrides(TurnPolicy(), ["endpointing.max_ms=800", "watchdog.stt_ms=9"])
    assert (policy.endpointing.max_ms, policy.watchdog.stt_ms) == (800, 9)
    with pytest.raises(ConfigurationError, match="--set endpointing.max_ms=soon"):
        apply_overrides(TurnPolicy(), ["endpointing.max_ms=soon"])
    with pytest.raises(ConfigurationError, match="unknown field `server`"):
        apply_overrides(TurnPolicy(), ["server.port=1"])


def test_overrides_nest() -> None:
    assert parse_override("a.b.c=[1, 2]") == {"a": {"b": {"c": [1, 2]}}}


# What may be exposed -----------------------------------------------------------------------------

TOKEN = {"TWILIO_AUTH_TOKEN": "secret"}
ORIGIN = "https://agent.example.com"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.1.5", False),
        ("localhost.evil.example", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("server", "twilio", "environment", "complaint"),
    [
        (ServerSettings(), TwilioSettings(), {}, None),
        (ServerSettings(), TwilioSettings(require_token=False), {}, None),
        (ServerSettings(public_url=ORIGIN), TwilioSettings(), TOKEN, None),
        (ServerSettings("0.0.0.0", public_url=ORIGIN), TwilioSettings(), TOKEN, None),
        (ServerSettings("0.0.0.0", public_url=ORIGIN), TwilioSettings(), {}, "TWILIO_AUTH_TOKEN"),
        (
            ServerSettings("0.0.0.0", public_url=ORIGIN),
            TwilioSettings(require_token=False),
            TOKEN,
            "`twilio.require_token`",
        ),
        (ServerSettings("0.0.0.0"), TwilioSettings(auth_token_env="MINE"), TOKEN, "MINE"),
        (ServerSettings(), TwilioSettings(), TOKEN, "`server.public_url`"),
    ],
)
def test_exposure(
    server: ServerSettings,
    twilio: TwilioSettings,
    environment: dict[str, str],
    complaint: str | None,
) -> None:
    settings = Settings(server=server, twilio=twilio)
    if complaint is None:
        check_exposure(settings, environment)
        return
    with pytest.raises(ConfigurationError, match=complaint):
        check_exposure(settings, environment)


@pytest.mark.parametrize(
    "url",
    [
        "http://agent.example.com",
        "agent.example.com",
        "https://",
        "https://[::1",
        "https://a.example/path",
        "https://a.example?x=1",
        "https://user@a.example",
        "https://a.example:port",
        "wss://a.example",
    ],
)
def test_a_public_address_is_an_origin(url: str) -> None:
    with pytest.raises(ConfigurationError, match="`server.public_url`"):
        check_exposure(Settings(server=ServerSettings(public_url=url)), TOKEN)


@pytest.mark.parametrize("url", [ORIGIN, f"{ORIGIN}/", f"{ORIGIN}:8443", "https://[2001:db8::1]"])
def test_good_public_addresses(url: str) -> None:
    check_exposure(Settings(server=ServerSettings(public_url=url)), TOKEN)


def test_a_remote_model_needs_its_address_and_key(tmp_path: Path) -> None:
    path = configuration(tmp_path)
    needed = ["llm.provider=openai", "llm.base_url=http://127.0.0.1/v1", "llm.model=small"]
    for number, key in enumerate(("llm.base_url", "llm.model", "OPENAI_API_KEY"), start=1):
        with pytest.raises(ConfigurationError, match=key):
            check_providers(load(path, needed[:number], {}).settings, {})
    check_providers(load(path, needed, {}).settings, {"OPENAI_API_KEY": "secret"})
    check_providers(load(path, (), {}).settings, {})


@pytest.mark.parametrize(
    ("overrides", "environment", "named"),
    [
        (["stt.provider=deepgram"], {}, "DEEPGRAM_API_KEY (`stt.api_key_env`)"),
        (["stt.provider=deepgram", "stt.api_key_env=MINE"], {}, "MINE"),
        (["stt.provider=openai"], {"OPENAI_API_KEY": "k"}, "set `stt.base_url` too"),
        (["tts.provider=elevenlabs"], {"ELEVENLABS_API_KEY": "k"}, "set `tts.voice` too"),
        (["tts.provider=elevenlabs", "tts.voice=v"], {}, "ELEVENLABS_API_KEY"),
        (
            ["tts.provider=openai", "tts.base_url=http://x", "tts.model=m"],
            {"OPENAI_API_KEY": "k"},
            "set `tts.voice` too",
        ),
    ],
)
def test_what_a_cloud_provider_needs(
    overrides: list[str], environment: dict[str, str], named: str
) -> None:
    settings = load("scripted.toml", overrides, {}).settings
    with pytest.raises(ConfigurationError) as error:
        check_providers(settings, environment)
    assert named in str(error.value)


def test_the_cloud_configurations_work_with_keys_alone() -> None:
    keys = {"DEEPGRAM_API_KEY": "a", "OPENAI_API_KEY": "b", "ELEVENLABS_API_KEY": "c"}
    check_providers(load("cloud.toml", (), {}).settings, keys)
    check_providers(load("hybrid.toml", (), {}).settings, {"OPENAI_API_KEY": "b"})
