"""The SDK in a real browser: conversations of pages of another origin with a real server."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.voice_agent.calls.test_live import ACTIONS
from voice_agent.personas.persona import Persona
from voice_pipelines.ports import ToolCall

from .place import Pages, Place
from .proxy import network

pytestmark = pytest.mark.browser
HELLO = "Good day."
PERSONA = Persona(
    name="Anna", prompt="Do: {{actionsSchema}}", actions_schema=ACTIONS, initial_message=HELLO
)
SETTINGS = ("tts.audio_ms=300",)
MICROPHONE = (30.0,)
TRANSPORTS = ("websocket", "webrtc")

DOCUMENTED = """
const publicapikey = "[client-key]"
let personaClient;
const script = document.createElement("script");
script.src = `https://api.prod.centralus.az.sindarin.tech/PersonaClientPublic?apikey=${publicapikey}`;
script.addEventListener("load", async () => {
personaClient = new window.PersonaClient(publicapikey);
});
document.head.appendChild(script);
"""
"""What pages include, letter by letter as an earlier product told them to."""

WATCHED = """
const tracks = [], getUserMedia = MediaDevices.prototype.getUserMedia;
MediaDevices.prototype.getUserMedia = async function (constraints) {
    const stream = await getUserMedia.call(this, constraints);
    tracks.push(...stream.getTracks());
    return stream;
};
const told = [];
function watch(client, ...events) {
    for (const event of events) client.on(event, value => told.push([event, value]));
}
function problem(promise) {
    return promise.then(() => "", error => `${error.name} ${error.code}: ${error.message}`);
}
async function becomes(condition) {
    for (let i = 0; i < 1500; i += 1) {
        if (condition()) return;
        await new Promise(resolve => setTimeout(resolve, 20));
    }
    throw new Error(`never: ${condition}; ${JSON.stringify(told)}`);
}
const said = client => client.messages.map(each => `${each.source}: ${each.content}`).join("; ");
"""


def opened(page: Page, anna: Place, elsewhere: Pages, more: str = "") -> Page:
    """A page of another origin with `client`, which it has made of the classic script."""
    page.goto(
        elsewhere.put(
            f"""<!doctype html><title>Shop</title><link rel=icon href=data:,>
            <script>{WATCHED}{more}</script>
            <script src="{anna.url}/sdk/persona.classic.js"></script>
            <script>const client = new PersonaClient("{anna.public}");</script>"""
        )
    )
    return page


def run(page: Page, script: str, argument: Any = None) -> Any:
    """The value of the statements' `return`."""
    return page.evaluate(f"async (given) => {{ {script} }}", argument)


def test_the_documented_page_works_unchanged(page: Page, anna: Place, elsewhere: Pages) -> None:
    """S004-90, S004-91, S004-92, S004-94, S004-95, S004-96, S004-97: but for the host, and from
    another origin; each init is a new conversation whose initial message is heard."""
    snippet = DOCUMENTED.replace("https://api.prod.centralus.az.sindarin.tech", anna.url)
    snippet = snippet.replace("[client-key]", anna.public)
    html = f"<!doctype html><head></head><link rel=icon href=data:,><script>{snippet}</script>"
    page.goto(elsewhere.put(html))
    page.wait_for_function("window.PersonaClient && personaClient")
    told = run(
        page,
        """const ids = [], heard = [];
        for (const userId of ["user 7", undefined]) {
            await personaClient.init({userId, personaName: "Anna", details: {plan: "gold"}});
            ids.push(personaClient.conversationId);
            let loudest = 0;
            while (!loudest) {
                await new Promise(resolve => setTimeout(resolve, 20));
                loudest = personaClient.levels.agent;
            }
            heard.push(personaClient.messages[0].intended);
        }
        await personaClient.end();
        return [ids, heard];""",
    )
    anna.idle()
    first, second = (each.conversation for each in anna.records()[-2:])
    assert told == [[first.id, second.id], [HELLO, HELLO]]
    assert first.id != second.id
    assert (first.user_id, second.user_id) == ("user 7", "")
    assert first.details["plan"] == "gold" and first.direction == "web"


def test_the_second_script_and_the_module(page: Page, anna: Place, elsewhere: Pages) -> None:
    """S004-91: `window.PersonaClient.default`, and an ES module under a strict policy."""
    elsewhere.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-n' {anna.url}; "
        f"connect-src {anna.url} {anna.url.replace('http', 'ws')}"
    )
    try:
        page.goto(
            elsewhere.put(
                f"""<!doctype html><title>Shop</title>
                <script src="{anna.url}/PersonaClientPublicV2?apikey={anna.public}"></script>
                <script nonce=n type=module>
                import Client, {{PersonaClient, PersonaError}} from "{anna.url}/sdk/persona.js";
                Object.assign(window, {{Client, Named: PersonaClient, PersonaError}});
                </script>"""
            )
        )
    finally:
        elsewhere.headers.clear()
    page.wait_for_function("Boolean(window.Client)")
    assert run(
        page,
        """const client = new PersonaClient.default(given, {transport: "websocket"});
        await client.init("u1", "Anna");
        await client.end();
        const other = new Client(given, {transport: "websocket"});
        await other.init("Anna");
        const id = other.conversationId;
        await other.end();
        return [id !== client.conversationId, Client === Named];""",
        anna.public,
    ) == [True, True]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_conversation_is_ended_and_resumed(
    page: Page, anna: Place, elsewhere: Pages, transport: str
) -> None:
    """S004-98, S004-99: the microphone is released and nothing is heard; then it goes on with its
    history and state, in another page too, and nobody greets again."""
    anna.answers("It is noon.")
    opened(page, anna, elsewhere)
    run(page, "window.options = given", {"transport": transport})
    id = run(
        page,
        """window.mine = new PersonaClient(given, options);
        watch(mine, "disconnected");
        await mine.init({personaName: "Anna"});
        await becomes(() => said(mine) === "ai: Good day.");
        await mine.updateState({table: 4});
        await mine.sendUserText("What time is it?");
        await becomes(() => said(mine).endsWith("ai: It is noon."));
        await mine.end();
        if (tracks.some(track => track.readyState !== "ended")) throw new Error("it still listens");
        if (mine.levels.agent || mine.transport || mine.connected) throw new Error("it goes on");
        return mine.conversationId;""",
        anna.public,
    )
    assert page.evaluate("told") == [["disconnected", {"conversationId": id, "problem": None}]]
    anna.idle()
    assert anna.records()[-1].conversation.status == "paused"
    llm = anna.answers("Welcome back.")
    history = run(
        page,
        """await mine.resume(given);
        await becomes(() => mine.messages.length === 3);
        const history = said(mine);
        await mine.pause();
        return [mine.conversationId, history, mine.state];""",
        id,
    )
    before = "ai: Good day.; user: What time is it?; ai: It is noon."
    assert history == [id, before, {"table": 4}]
    anna.idle()
    page.reload()
    assert run(
        page,
        """await client.resume(given);
        await client.sendUserText("I am back.");
        await becomes(() => said(client).endsWith("ai: Welcome back."));
        await client.end();
        return said(client);""",
        id,
    ) == (f"{before}; user: I am back.; ai: Welcome back.")
    assert any("What time is it?" in message.text for message in llm.last_messages)
    told = page.evaluate("problem(client.resume('someone else’s'))")
    assert told.startswith("PersonaError conversation_unknown")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_the_page_says_and_is_told(
    page: Page, anna: Place, elsewhere: Pages, transport: str
) -> None:
    """S004-79, S004-100, S004-101: state is merged, texts are said, reacted to and answered,
    actions arrive; by today's names and by earlier ones."""
    anna.answers(("Here it is.", ToolCall("show", '{"page": "menu"}')), "You looked away.")
    opened(page, anna, elsewhere)
    told = run(
        page,
        """const client = new PersonaClient(given.key, {transport: given.transport});
        watch(client, "ready", "state_updated", "action", "json", "ai_speech_started",
              "ai_speech_ended", "ai_speech_stopped", "reply_end");
        let updates = 0;
        const wire = new Set();
        client.on("debug_event", ({from, message}) => wire.add(`${from} ${message.type}`));
        const count = () => { updates += 1; };
        client.on("messages_update", count);
        await client.init({personaId: "", personaName: "Anna", options: {debugMode: true}});
        await becomes(() => said(client) === "ai: Good day.");
        await client.updateState({a: 1, b: {c: 2}});
        await client.updateState({b: 3});
        await becomes(() => client.state.b === 3);
        await client.sendUserText("Show me the menu.");
        await becomes(() => said(client).endsWith("user: Show me the menu.; ai: Here it is."));
        await client.reactTo("The user looks elsewhere.");
        await becomes(() => said(client).endsWith("ai: You looked away."));
        client.off("messages_update", count);
        const before = updates;
        await client.sayText("One moment.");
        await becomes(() => said(client).endsWith("ai: One moment."));
        const refused = [
            await problem(client.sayText("")),
            await problem(client.sendUserText("x".repeat(4001))),
            await problem(client.updateState([1])),
        ];
        await client.end();
        refused.push(await problem(client.sayText("Hello?")));
        return {
            state: client.state, refused, quiet: updates === before && before > 0,
            debugged: wire.has("client say_text") && wire.has("server ready"),
        };""",
        {"key": anna.public, "transport": transport},
    )
    assert told["state"] == {"a": 1, "b": 3}
    assert told["quiet"] and told["debugged"]
    codes = [each.split(":")[0].removeprefix("PersonaError ") for each in told["refused"]]
    assert codes == ["malformed"] * 3 + ["disconnected"]
    events = page.evaluate("told")
    assert events[0][0] == "ready" and events[0][1]["transport"] == transport
    assert ["state_updated", {"a": 1, "b": 3}] in events
    assert ["action", {"show": {"page": "menu"}}] in events
    details = [value["detail"] for event, value in events if event == "json"]
    assert {"persona_message": HELLO} in details
    assert {"user_message": "Show me the menu."} in details
    assert {"show": {"page": "menu"}} in details
    names = [event for event, _ in events]
    assert names.count("ai_speech_ended") == names.count("ai_speech_stopped") >= 4
    anna.idle()
    (record,) = anna.records()[-1:]
    assert record.conversation.state == {"a": 1, "b": 3}


def test_init_rejects_and_says_why(page: Page, anna: Place, elsewhere: Pages) -> None:
    """S004-93, S004-94: neither name nor id, nobody of that name, wrong keys, and what cannot be
    done; a secret key in a page is refused with a sentence."""
    opened(page, anna, elsewhere)
    before = len(anna.records())
    told = run(
        page,
        """const anybody = {personaName: "Anna"}, at = {server: given.url};
        watch(client, "connect_error");
        return [
            await problem(client.init({})),
            await problem(client.init({userId: "u1", details: {}})),
            await problem(client.init({personaName: "Nobody"})),
            await problem(client.init({personaId: "0123456789ab0123456789ab"})),
            await problem(client.init({...anybody, personaConfig: {prompt: "Be rude."}})),
            await problem(new PersonaClient("va_client_wrong").init(anybody)),
            await problem(new PersonaClient(given.secret).init(anybody)),
            await problem(new PersonaClient(given.key, {server: "http://127.0.0.1:9"}).init(anybody)),
            await problem(new PersonaClient("", {token: () => "mine"}).init(anybody)),
            String(tracks.some(track => track.readyState !== "ended")),
        ];""",
        {"url": anna.url, "key": anna.public, "secret": anna.secret},
    )
    codes = [each.split(":")[0].removeprefix("PersonaError ") for each in told]
    assert codes == [
        *("persona_missing", "persona_missing", "persona_unknown", "persona_unknown"),
        *("unsupported", "key_refused", "key_refused"),
        *("unreachable", "token_refused", "false"),
    ]
    assert "use a client key" in told[6]
    assert page.evaluate("told.map(([event, problem]) => problem.code)") == ["persona_unknown"] * 2
    anna.idle()
    assert len(anna.records()) == before


def test_of_what_is_not_to_be_saved_nothing_is(page: Page, anna: Place, elsewhere: Pages) -> None:
    """S004-94: and what was ended cannot be resumed."""
    opened(page, anna, elsewhere)
    before = len(anna.records())
    told = run(
        page,
        """const options = {shouldNotSaveConversation: true};
        await client.init({personaName: "Anna", options});
        const id = client.conversationId;
        await client.end();
        return [id, await problem(client.resume())];""",
    )
    assert told[0] and told[1].startswith("PersonaError not_saved")
    anna.idle()
    assert len(anna.records()) == before


def test_what_is_ended_before_it_began_does_not_begin(
    page: Page, anna: Place, elsewhere: Pages
) -> None:
    """The user has not answered yet whether the microphone may be used; the answer comes late."""
    opened(page, anna, elsewhere)
    before = len(anna.records())
    assert (
        run(
            page,
            """const own = MediaDevices.prototype.getUserMedia;
        let allow;
        const asked = new Promise(resolve => { allow = resolve; });
        MediaDevices.prototype.getUserMedia = async function (constraints) {
            await asked;
            return own.call(this, constraints);
        };
        const beginning = problem(client.init({personaName: "Anna"}));
        await client.end();
        const told = await beginning;
        allow();
        await becomes(() => tracks.length === 1 && tracks[0].readyState === "ended");
        return told.split(":")[0];""",
        )
        == "PersonaError canceled"
    )
    anna.idle()
    assert len(anna.records()) == before


def test_without_the_permission_nothing_begins(
    chromium: Browser, anna: Place, elsewhere: Pages
) -> None:
    """The page is told that the microphone was denied; there is no conversation."""
    before = len(anna.records())
    with chromium.new_context() as context:
        page = opened(context.new_page(), anna, elsewhere)
        told = page.evaluate("problem(client.init({personaName: 'Anna'}))")
        assert told.startswith("PersonaError microphone_denied")
        assert page.evaluate("client.connected") is False
        # Without a microphone it can be listened to, and written to.
        anna.answers("I read that.")
        assert (
            run(
                page,
                """const silent = new PersonaClient(given, {microphone: false});
            await silent.init({personaName: "Anna"});
            await silent.sendUserText("Can you read?");
            await becomes(() => said(silent).endsWith("ai: I read that."));
            await silent.end();
            return tracks.length;""",
                anna.public,
            )
            == 0
        )
    anna.idle()
    assert len(anna.records()) == before + 1


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_microphones_are_chosen_and_lost(
    page: Page, anna: Place, elsewhere: Pages, transport: str
) -> None:
    """A microphone that is unplugged is replaced by the system's own choice; without any the
    conversation goes on, and the next one that is plugged in is used."""
    opened(page, anna, elsewhere)
    told = run(
        page,
        """const client = new PersonaClient(given.key, {transport: given.transport});
        watch(client, "microphone_changed", "microphone_lost", "error");
        await client.init({personaName: "Anna"});
        const found = await client.microphones();
        await client.setMicrophone(found[found.length - 1].id);
        const unplug = () => {
            const track = tracks[tracks.length - 1];
            track.stop();
            track.dispatchEvent(new Event("ended"));
        };
        unplug();
        await becomes(() => told.length === 2);
        const own = MediaDevices.prototype.getUserMedia;
        MediaDevices.prototype.getUserMedia = async () => {
            throw new DOMException("", "NotFoundError");
        };
        unplug();
        await becomes(() => told.length === 4);
        MediaDevices.prototype.getUserMedia = own;
        navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
        await becomes(() => told.length === 5);
        client.setMuted(true);
        const last = tracks[tracks.length - 1];
        const muted = [client.muted, last.enabled, last.readyState];
        client.setMuted(false);
        await client.sayText("You are still here.");
        await becomes(() => said(client).endsWith("You are still here."));
        const wrong = await problem(client.setMicrophone("nonexistent"));
        const kept = last.readyState;
        await client.end();
        return {
            muted, kept, wrong, released: last.readyState,
            events: told.map(([event, value]) => [event, value.reason ?? value.code]),
            labels: found.map(each => Boolean(each.id && each.label)),
        };""",
        {"key": anna.public, "transport": transport},
    )
    assert told["events"] == [
        ["microphone_changed", "chosen"],
        ["microphone_changed", "lost"],
        ["microphone_lost", "microphone_missing"],
        ["error", "microphone_missing"],
        ["microphone_changed", "lost"],
    ]
    assert told["muted"] == [True, False, "live"]
    assert told["wrong"].startswith("PersonaError microphone_missing")
    assert (told["kept"], told["released"]) == ("live", "ended")
    assert told["labels"] and all(told["labels"])


def test_a_network_that_breaks_and_is_back(page: Page, anna: Place, elsewhere: Pages) -> None:
    """S004-99: the conversation goes on by itself, and what was said meanwhile is not lost."""
    opened(page, anna, elsewhere)
    with network(anna.url) as net:
        id = run(
            page,
            """window.mine = new PersonaClient(given.key,
                {server: given.url, transport: "websocket"});
            watch(mine, "reconnecting", "reconnected", "disconnected", "ready");
            await mine.init({personaName: "Anna"});
            await becomes(() => said(mine) === "ai: Good day.");
            return mine.conversationId;""",
            {"key": anna.public, "url": net.url},
        )
        net.cut()
        run(
            page,
            """await becomes(() => told.filter(([event]) => event === "reconnecting").length > 1);
            await mine.updateState({meanwhile: true});""",
        )
        net.connect()
        assert run(
            page,
            """await becomes(() => told.some(([event]) => event === "reconnected"));
            await becomes(() => mine.state.meanwhile);
            await mine.sayText("There you are.");
            await becomes(() => said(mine) === "ai: Good day.; ai: There you are.");
            await mine.end();
            return [mine.conversationId, told.at(-1)[0], tracks.length];""",
        ) == [id, "disconnected", 1]
    anna.idle()
    assert anna.records()[-1].conversation.id == id


def test_a_network_that_falls_silent(page: Page, anna: Place, elsewhere: Pages) -> None:
    """Nobody says that the connection is gone: the page notices that its pings are not answered."""
    hurried = """
    const began = performance.now.bind(performance), every = setInterval;
    performance.now = () => began() * 10;
    setInterval = (callback, ms) => every(callback, ms / 10);"""
    opened(page, anna, elsewhere, hurried)
    with network(anna.url) as net:
        run(
            page,
            """window.mine = new PersonaClient(given.key,
                {server: given.url, transport: "websocket"});
            watch(mine, "reconnecting", "reconnected");
            await mine.init({personaName: "Anna"});
            await becomes(() => said(mine) === "ai: Good day.");
            await new Promise(resolve => setTimeout(resolve, 1200));
            if (told.length) throw new Error("its pings were answered");""",
            {"key": anna.public, "url": net.url},
        )
        net.silence()
        page.evaluate("becomes(() => told.length > 0)")
        net.cut()
        net.connect()
        run(page, "await becomes(() => told.at(-1)[0] === 'reconnected'); await mine.end();")
    anna.idle()


def test_a_network_that_is_given_up(page: Page, anna: Place, elsewhere: Pages) -> None:
    """The page is told, everything is released, and the conversation can be resumed later."""
    opened(page, anna, elsewhere)
    with network(anna.url) as net:
        run(
            page,
            """window.mine = new PersonaClient(given.key,
                {server: given.url, transport: "websocket", reconnectMs: 300});
            watch(mine, "disconnected", "error");
            await mine.init({personaName: "Anna"});
            await becomes(() => said(mine) === "ai: Good day.");""",
            {"key": anna.public, "url": net.url},
        )
        net.cut()
        assert run(
            page,
            """await becomes(() => told.length === 2);
            return [told.map(([event, value]) => [event, (value.problem ?? value).code]),
                tracks[0].readyState, mine.connected];""",
        ) == [[["error", "unreachable"], ["disconnected", "unreachable"]], "ended", False]
        anna.idle()
        net.connect()
        assert run(page, "await mine.resume(); await mine.end(); return said(mine);") == (
            "ai: Good day."
        )


def test_another_network_is_offered_a_new_connection(
    page: Page, anna: Place, elsewhere: Pages
) -> None:
    """Over WebRTC the same call goes on over another connection; nothing of it is told twice."""
    opened(page, anna, elsewhere)
    assert run(
        page,
        """const mine = new PersonaClient(given, {transport: "webrtc"});
        watch(mine, "reconnecting", "reconnected", "disconnected", "ready");
        await mine.init({personaName: "Anna"});
        await becomes(() => said(mine) === "ai: Good day.");
        for (const _ of [1, 2]) {
            const before = told.length;
            dispatchEvent(new Event("online"));
            await mine.updateState({moving: before});
            await becomes(() => told.length === before + 2 && mine.state.moving === before);
        }
        await mine.sayText("Here as well.");
        await becomes(() => said(mine) === "ai: Good day.; ai: Here as well." && mine.levels.agent);
        await mine.end();
        return told.map(([event]) => event);""",
        anna.public,
    ) == ["ready", *["reconnecting", "reconnected"] * 2, "disconnected"]
    anna.idle()


def test_a_call_that_the_server_has_forgotten_is_resumed(
    page: Page, anna: Place, elsewhere: Pages
) -> None:
    """S004-99: where the call over WebRTC cannot be moved, the conversation goes on in another."""
    opened(page, anna, elsewhere)
    assert run(
        page,
        """const mine = new PersonaClient(given, {transport: "webrtc"});
        watch(mine, "reconnected", "disconnected", "ready");
        await mine.init({personaName: "Anna"});
        const id = mine.conversationId;
        await becomes(() => said(mine) === "ai: Good day.");
        const real = fetch;
        window.fetch = (url, init) => {
            const moves = String(url).includes("/webrtc/calls/") && init.method === "POST";
            if (!moves) return real(url, init);
            return Promise.resolve(new Response('{"code": "call_unknown"}', {status: 404}));
        };
        dispatchEvent(new Event("online"));
        await becomes(() => told.length === 3);
        await mine.sayText("Where were we?");
        await becomes(() => said(mine) === "ai: Good day.; ai: Where were we?");
        await mine.end();
        return [told.map(([event]) => event), mine.conversationId === id];""",
        anna.public,
    ) == [["ready", "reconnected", "ready", "disconnected"], True]
    anna.idle()


def test_where_udp_does_not_get_through_the_socket_does(
    page: Page, anna: Place, elsewhere: Pages
) -> None:
    """And the next conversation does not try again. Both begin once, not twice."""
    before = len(anna.records())
    relayed = """
    let peers = 0;
    RTCPeerConnection = class extends RTCPeerConnection {
        constructor(configuration) {
            super({...configuration, iceTransportPolicy: "relay"});
            peers += 1;
        }
    };"""
    opened(page, anna, elsewhere, relayed)
    assert run(
        page,
        """const used = [];
        for (const client of [1, 2].map(() => new PersonaClient(given))) {
            await client.init({personaName: "Anna"});
            used.push(client.transport);
            await becomes(() => said(client) === "ai: Good day.");
            await client.end();
        }
        return [used, peers];""",
        anna.public,
    ) == [["websocket", "websocket"], 1]
    anna.idle()
    assert len(anna.records()) == before + 2


def test_the_agent_hangs_up(page: Page, anna: Place, elsewhere: Pages) -> None:
    """Nobody tries to reconnect to a conversation that is over."""
    opened(page, anna, elsewhere)
    for transport in TRANSPORTS:
        id = run(
            page,
            """window.mine = new PersonaClient(given.key, {transport: given.transport});
            told.length = 0;
            watch(mine, "reconnecting", "disconnected", "error");
            await mine.init({personaName: "Anna"});
            return mine.conversationId;""",
            {"key": anna.public, "transport": transport},
        )
        live = anna.server.switchboard.conversation(id)
        assert live is not None

        async def end() -> None:
            live.end("agent")  # noqa: B023

        anna.loop.run(end())
        assert run(
            page, "await becomes(() => told.length); return told.map(([event]) => event);"
        ) == ["disconnected"], transport


def test_levels_and_gestures(page: Page, anna: Place, elsewhere: Pages) -> None:
    """Where the browser wants a click first the page is told; levels are told ten times a
    second."""
    # All by the page itself: what Playwright evaluates counts as a click.
    html = f"""<!doctype html><title>Shop</title><link rel=icon href=data:,>
        <script>{WATCHED}</script>
        <script src="{anna.url}/sdk/persona.classic.js"></script>
        <script>
        const mine = new PersonaClient("{anna.public}", {{microphone: false}});
        watch(mine, "audio_blocked", "audio_unblocked");
        mine.on("audio_blocked", () => console.log("blocked"));
        mine.init({{personaName: "Anna"}});
        </script>"""
    with page.expect_console_message(lambda message: message.text == "blocked"):
        page.goto(elsewhere.put(html))
    page.mouse.click(5, 5)
    assert run(
        page,
        """await becomes(() => told.length === 2 && mine.connected);
        const levels = [];
        mine.on("levels", each => levels.push(each));
        await mine.sayText("You hear me now.");
        await becomes(() => levels.some(each => each.agent > 0.05));
        await mine.end();
        return told.map(([event]) => event);""",
    ) == ["audio_blocked", "audio_unblocked"]
