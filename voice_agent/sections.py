"""The sections of the configuration: what can be set, within which bounds, and its defaults.

The texts under the fields are what docs/configuration.md says of them.
"""

from typing import Annotated, Literal

import msgspec

from voice_pipelines.conversation.policy import Milliseconds, Phrases

Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Amount = Annotated[int, msgspec.Meta(ge=0)]
Country = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")]
PhoneNumber = Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
NumberPrefix = Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{0,13}$")]
IceUrl = Annotated[str, msgspec.Meta(pattern=r"^(stun|stuns|turn|turns):\S+$")]
Network = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$")]
_HOURS = "^$|^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the configuration; a key that it does not know is a mistake."""


class ServerSettings(Section, frozen=True):
    host: str = "127.0.0.1"
    port: Port = 8080
    public_url: str = ""
    """The https:// origin at which the carrier reaches this server, without a path."""
    max_calls: Positive = 200
    """Calls beyond it are refused with a spoken sentence."""
    trusted_proxies: tuple[Network, ...] = ()
    """Addresses or networks, such as ``127.0.0.1``, of reverse proxies: what they say in
    ``X-Forwarded-For`` is believed, for the delays after failed sign-ins."""
    drain_ms: Milliseconds = 60_000
    """After SIGTERM: how long live calls may go on before the agent says good-bye."""


class TwilioSettings(Section, frozen=True):
    auth_token_env: str = "TWILIO_AUTH_TOKEN"
    """The variable with the account's auth token; signatures are checked if it is set."""
    account_sid_env: str = "TWILIO_ACCOUNT_SID"
    """The variable with the account's SID, for outgoing calls, transfers and text messages."""
    api_url: str = ""
    """Another origin of the REST API: a compatible carrier's, or a simulator's on this machine."""
    require_token: bool = True
    """Media sockets must bring the single-use token of the TwiML; off for loopback only."""
    token_ms: Milliseconds = 60_000
    """How long such a token is valid."""
    start_ms: Milliseconds = 10_000
    """How long a media socket may take to send its `start`."""
    quiet_ms: Milliseconds = 20_000
    """A media socket on which nothing arrives for so long is dead."""
    malformed_messages: Positive = 20
    """After so many messages that cannot be understood the socket is closed."""
    lead_ms: Milliseconds = 240
    """Audio kept ahead in the carrier's buffer."""


class BrowserSettings(Section, frozen=True):
    """The media socket of browsers and other clients, see docs/browser.md."""

    start_ms: Milliseconds = 10_000
    """How long a media socket may take to send its `init`."""
    quiet_ms: Annotated[int, msgspec.Meta(ge=1000, le=600_000)] = 20_000
    """A media socket that sends nothing for so long is asked whether it still lives."""
    malformed_messages: Positive = 20
    """After so many messages that cannot be understood the socket is closed."""
    allow_unsaved: bool = True
    """Clients, also over WebRTC, may ask for conversations of which nothing is kept."""


class WebRtcSettings(Section, frozen=True):
    """Conversations over WebRTC, see docs/browser.md. Needs the extra ``webrtc``."""

    enabled: bool = True
    """Where it is off, or the extra is not installed, browsers use the WebSocket."""
    stun_urls: tuple[IceUrl, ...] = ()
    """Such as ``stun:stun.example.com:3478``: with these the page finds out its own address."""
    turn_urls: tuple[IceUrl, ...] = ()
    """Such as ``turn:turn.example.com:3478?transport=udp``, for pages behind firewalls."""
    turn_secret_env: str = "TURN_SECRET"
    """The variable with the secret shared with the TURN server (coturn: ``static-auth-secret``),
    of which pages get short-lived credentials."""
    turn_ms: Annotated[int, msgspec.Meta(ge=60_000, le=604_800_000)] = 43_200_000
    """How long such credentials are valid: longer than any call."""
    addresses: tuple[str, ...] = ()
    """The IP addresses of this machine at which sound comes in, by UDP; ``["0.0.0.0"]`` for all. If
    there are none, that of `server.host`: loopback is for pages on this machine only. Set it where
    a proxy on this machine makes the server public."""
    ports: tuple[Port, Port] = (0, 0)
    """The first and the last UDP port for it, such as ``[40000, 40999]``, for firewalls; zeros for
    any. A connection takes one at each address, and pages that reconnect have two connections."""
    public_address: Annotated[str, msgspec.Meta(pattern=r"^$|^[0-9a-fA-F.:]+$")] = ""
    """The IP address at which pages reach this machine, where it has another one itself (NAT that
    keeps the ports). UDP must be let in."""
    setup_ms: Annotated[int, msgspec.Meta(ge=100, le=120_000)] = 15_000
    """How long a connection may take to stand."""
    grace_ms: Milliseconds = 15_000
    """How long a conversation waits for a new connection when its own has broken."""
    quiet_ms: Annotated[int, msgspec.Meta(ge=200, le=600_000)] = 8_000
    """A connection on which nothing arrives for so long has broken."""
    most_hold_ms: Annotated[int, msgspec.Meta(ge=40, le=1000)] = 120
    """The longest that packets are held back for one that is missing; it is 40 ms unless the
    network proves to need more."""
    playout_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 60
    """How long after it was sent something counts as heard: what pages keep to even out jitter."""
    bits_per_second: Annotated[int, msgspec.Meta(ge=6_000, le=128_000)] = 36_000
    """Of what is sent."""
    echo_guard: bool = False
    """Take what is heard for silence where it seems to be the echo of what is played. Browsers
    cancel echoes themselves; this is for clients that do not. It needs about a second to get to
    know an echo, and may take somebody who speaks at the same time for one."""


class OutgoingSettings(Section, frozen=True):
    """What the agent may dial and text. As it stands, nothing: `countries` opens it."""

    countries: tuple[Country, ...] = ()
    """ISO codes, such as ``["US", "CA"]``, of the countries whose numbers may be dialed."""
    prefixes: tuple[NumberPrefix, ...] = ()
    """If there are any, such as ``+1415``, numbers must begin with one of them as well."""
    contacts: dict[str, PhoneNumber] = {}
    """Names that personas may give instead of numbers as targets of transfers."""
    from_number: Annotated[str, msgspec.Meta(pattern=r"^$|^\+[1-9][0-9]{6,14}$")] = ""
    """The number that is shown where the persona has none of its own."""
    do_not_call_file: str = ""
    """A file with a number on each line; what follows a `#` is a comment."""
    calling_hours: Annotated[str, msgspec.Meta(pattern=_HOURS)] = "08:00-21:00"
    """When people may be called, in the time zone of the callee; empty for always."""
    calling_days: tuple[Annotated[int, msgspec.Meta(ge=1, le=7)], ...] = (1, 2, 3, 4, 5, 6, 7)
    """On which days: 1 is Monday."""
    ring_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 30
    """How long an outgoing call rings."""
    max_call_s: Annotated[int, msgspec.Meta(ge=30, le=14_400)] = 1800
    """How long an outgoing call, or the call after a transfer, may last."""
    detect_machines: bool = True
    """Find out whether a person answered; an answering machine gets the voicemail message."""
    transfer_ring_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 25
    """How long a transfer rings before the caller comes back to the agent."""
    transfer_screening: bool = True
    """Whoever is called for a transfer must press 1 to take it, so that no voicemail does."""
    press_keys: Literal["reconnect", "in-band"] = "reconnect"
    """The carrier dials the keys, for which the agent leaves the line for about a second; or the
    tones are played into the agent's own audio, which not every menu hears."""
    calls_per_caller_hour: Amount = 20
    """Outgoing calls and transfers for the same caller or API key."""
    calls_per_persona_hour: Amount = 60
    calls_per_number_day: Amount = 3
    calls_per_day: Amount = 500
    minutes_per_day: Amount = 600
    """A call counts with its longest duration until it has ended."""
    spend_cents_per_day: Amount = 5000
    """In the account's currency."""
    cents_per_minute: Amount = 5
    """What a minute is taken to cost."""
    rates: dict[NumberPrefix, Amount] = {}
    """The same by prefix, such as ``{"+44" = 8}``; the longest one counts."""
    texts_per_number_day: Amount = 10
    texts_per_persona_hour: Amount = 60


class RecordingSettings(Section, frozen=True):
    """Whether a persona's calls are recorded is said in its own settings."""

    directory: str = "var/recordings"
    """Two channels per file: the caller on the left, the agent on the right."""
    format: Literal["wav", "opus"] = "wav"
    """``opus`` takes a tenth of the space and needs the extra ``opus``."""
    s3_url: str = ""
    """Such as ``s3://bucket/prefix``: finished recordings go there, and are deleted here; empty to
    keep them here. Needs the extra ``s3``."""
    s3_endpoint: str = ""
    """The address of an S3-compatible store that is not Amazon's."""
    s3_region: str = "us-east-1"
    s3_key_id_env: str = "AWS_ACCESS_KEY_ID"
    s3_secret_env: str = "AWS_SECRET_ACCESS_KEY"
    """The variables with the keys; without them the machine's role is asked for some."""
    outgoing: bool = False
    """Record outgoing calls too. Many countries demand that the callee is told, and agrees."""


class JournalSettings(Section, frozen=True):
    directory: str = "var/journals"
    """One file per call; empty to keep none."""


class ActionsSettings(Section, frozen=True):
    """What personas may do in the world; see docs/actions.md."""

    allow: tuple[str, ...] = ()
    """Hosts and networks that webhooks may call although they are not public, such as
    ``hooks.internal``, ``10.1.0.0/16`` or ``127.0.0.1:9000``."""
    public: bool = True
    """Whether webhooks may call the public internet, or only what ``allow`` lists."""
    allow_http: bool = False
    """Whether webhooks may call public hosts without TLS."""
    ports: tuple[Port, ...] = (80, 443, 8080, 8443)
    """Ports of public hosts that webhooks may call."""
    connect_ms: Milliseconds = 3_000
    """How long a webhook may take to be connected; a connection that fails is tried once more."""
    timeout_ms: Milliseconds = 10_000
    """How long a webhook may take in all."""
    longest_answer: Positive = 65_536
    """Bytes of a webhook's answer that are read."""
    secret_env: tuple[str, ...] = ()
    """Environment variables that schemas may refer to as ``{{secret.NAME}}``."""
    signing_secret_env: str = "WEBHOOK_SIGNING_SECRET"
    """The variable with the secret that webhooks are signed with, if it is set; several,
    separated by blanks, while it is being changed."""
    effect_ms: Milliseconds = 35_000
    """How long hanging up, transferring, sending a message or pressing keys may take."""
    rate_count: Positive = 20
    """How often one action may be taken within ``rate_ms``, unless its ``_rate_limit`` says so."""
    rate_ms: Milliseconds = 60_000
    """The time within which ``rate_count`` counts."""
    most: Positive = 500
    """Actions of one conversation."""
    repeat_ms: Milliseconds = 30_000
    """An equal webhook or message within this time is taken for the same one, not done again."""


class StorageSettings(Section, frozen=True):
    url: str = "sqlite:///var/voice-agent.db"
    """Where personas, conversations and keys are kept; PostgreSQL:
    ``postgresql://user@host/name``."""
    password_env: str = ""
    """The variable with the database's password; empty if it needs none, or PGPASSWORD has it."""


class AccessSettings(Section, frozen=True):
    token_ms: Annotated[int, msgspec.Meta(ge=10_000, le=86_400_000)] = 900_000
    """How long a browser may begin conversations with a session token."""
    resume_ms: Annotated[int, msgspec.Meta(ge=10_000, le=2_592_000_000)] = 86_400_000
    """How long it may resume one with the token that came with it."""
    requests_per_minute: Positive = 600
    """Requests of one key to the API; further ones are refused with 429. Without a key an address
    may make a tenth of them."""
    session_ms: Annotated[int, msgspec.Meta(ge=60_000, le=2_592_000_000)] = 43_200_000
    """How long one stays signed in to the console."""
    free_failures: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    """Failed sign-ins with one name from one address before each further one is delayed, for twice
    as long each time; with all names from one address four times as many, with one name from
    anywhere twenty times. A browser that has signed in before counts for itself."""
    longest_delay_ms: Annotated[int, msgspec.Meta(ge=1_000, le=86_400_000)] = 900_000
    """The delay does not grow beyond this."""
    secret_key_env: str = "VOICE_AGENT_SECRET_KEY"
    """The variable with the key that the secrets of authenticator apps are sealed with in the
    database, if it is set; several, separated by blanks, while it is being changed. Where several
    machines share a database it must be set, the same on all."""
    secret_key_file: str = "var/secret.key"
    """Otherwise the key is in this file, which is made when it is first needed. Keep a copy of it
    apart from the database's."""


class ModelSettings(Section, frozen=True):
    directory: str = ""
    """Where the local models lie; empty for the user's cache folder."""
    threads: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    """Threads for local inference; 0 for as many as there are cores."""


class LogSettings(Section, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = "auto"
    """``auto``: for people on a terminal, JSON elsewhere."""


class TelemetrySettings(Section, frozen=True):
    """Traces of calls over OpenTelemetry; needs `pip install 'voice-agent[otel]'`."""

    otlp_endpoint: str = ""
    """Where spans are sent over OTLP/HTTP, such as http://127.0.0.1:4318/v1/traces; empty for
    nowhere. Headers come from the environment variable OTEL_EXPORTER_OTLP_HEADERS."""
    service_name: str = "voice-agent"
    transcripts: bool = False
    """Whether spans hold what the caller and the agent said."""
    timeout_ms: Positive = 5_000
    """How long the collector may take; what it does not take is dropped."""


Price = Annotated[float, msgspec.Meta(ge=0)]


class PriceSettings(Section, frozen=True):
    """What providers charge, for the estimated cost in reports and metrics. 0 is free."""

    currency: str = "USD"
    llm_input: Price = 0.0
    """For a million tokens that the LLM reads."""
    llm_cached: Price | None = None
    """For a million of them that were in the provider's cache; as `llm_input` if left out."""
    llm_output: Price = 0.0
    """For a million tokens that it writes."""
    tts: Price = 0.0
    """For a thousand characters that are synthesized."""
    stt: Price = 0.0
    """For a minute of listening."""


class Persona(Section, frozen=True):
    """Who the agent is."""

    name: str
    instructions: str
    phrases: Phrases = Phrases()
    pronunciations: dict[str, str] = {}
    """How words are said; they precede `tts.pronunciations`."""
