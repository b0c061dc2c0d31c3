import assert from "node:assert/strict";
import { test } from "node:test";
import { Delivery } from "../src/delivery";
import { Emitter } from "../src/emitter";
import { PersonaError } from "../src/errors";
import { Legacy } from "../src/legacy";
import { parse } from "../src/messages";
import { serverOf, serverOfScript, wanted } from "../src/options";
import { microphoneProblem } from "../src/problems";
import { Transcript } from "../src/transcript";

const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof PersonaError);
    return error.code;
  }
  return "";
};

test("S004-94: what init may be asked for", () => {
  const details = { plan: "gold" };
  assert.deepEqual(wanted({ personaName: "Anna" }).init, { details: {}, personaName: "Anna" });
  assert.deepEqual(wanted({ personaId: "p1", details }).init, { details, personaId: "p1" });
  const all = wanted({ userId: "u1", personaName: "Anna", personaId: "p1", details });
  assert.deepEqual(all.init, { details, userId: "u1", personaName: "Anna", personaId: "p1" });
  assert.equal(all.userId, "u1");
  const given = wanted({ personaName: "Anna", metadata: { page: 1 }, personaConfig: {} });
  assert.deepEqual(given.init.details, { metadata: { page: 1 } });
});

test("S004-94: neither a name nor an id is an error", () => {
  assert.equal(code(() => wanted({})), "persona_missing");
  assert.equal(code(() => wanted(undefined)), "persona_missing");
  assert.equal(code(() => wanted({ userId: "u1", personaName: "" })), "persona_missing");
});

test("S004-101: init as earlier clients had it", () => {
  assert.deepEqual(wanted("Anna").init, { details: {}, personaName: "Anna" });
  assert.deepEqual(wanted("u1", "Anna").init, { details: {}, userId: "u1", personaName: "Anna" });
});

test("what cannot be done is refused, not ignored", () => {
  const personaConfig = { prompt: "Be rude." };
  assert.equal(code(() => wanted({ personaName: "Anna", personaConfig })), "unsupported");
});

test("a conversation that is not to be saved is asked for as such", () => {
  const asked = (save: boolean): unknown =>
    wanted({ personaName: "Anna", options: { shouldNotSaveConversation: save } }).init;
  assert.deepEqual(asked(true), { details: {}, personaName: "Anna", unsaved: true });
  assert.deepEqual(asked(false), { details: {}, personaName: "Anna" });
});

test("S004-92: the server is the one that served the script", () => {
  for (const [script, server] of [
    ["https://voice.example.com/PersonaClientPublic?apikey=va_client_1", "https://voice.example.com"],
    ["https://voice.example.com/PersonaClientPublicV2?apikey=k", "https://voice.example.com"],
    ["http://127.0.0.1:8080/sdk/persona.classic.js", "http://127.0.0.1:8080"],
    ["https://example.com/voice/sdk/persona.js?v=1#x", "https://example.com/voice"],
    ["https://example.com/assets/app.js", ""],
    ["https://example.com/assets/app.js?from=/sdk/persona.js", ""],
    ["file:///sdk/persona.js", ""],
  ] as const) {
    assert.equal(serverOfScript(script), server);
  }
  assert.equal(serverOf("https://voice.example.com/", "http://other"), "https://voice.example.com");
  assert.equal(serverOf(undefined, "https://example.com/voice"), "https://example.com/voice");
  assert.equal(code(() => serverOf(undefined, "")), "server_missing");
  assert.equal(code(() => serverOf("voice", "")), "server_missing");
});

test("the whole conversation is put together from its changes", () => {
  const transcript = new Transcript();
  transcript.update([{ messageId: "10", source: "ai", content: "Go", intended: "Good." }], "");
  transcript.update([{ messageId: "9", source: "user", content: "Hi" }], "");
  transcript.update([{ messageId: "11", source: "user", content: "Oh" }], "how a");
  const shown = (interim: boolean): string[] =>
    transcript.messages(interim).map((each) => `${each.type} ${each.source} ${each.content}`);
  assert.deepEqual(shown(true), [
    "message user Hi",
    "message ai Go",
    "message user Oh",
    "temporary_message user how a",
  ]);
  transcript.update([{ messageId: "10", source: "ai", content: "Good.", intended: "Good." }], "");
  transcript.update([{ messageId: "11", source: "user", content: "Oh", withdrawn: true }], "");
  assert.deepEqual(shown(true), ["message user Hi", "message ai Good."]);
  transcript.clear();
  assert.deepEqual(shown(false), []);
});

test("messages of a newer server are not stumbled over", () => {
  assert.equal(parse('{"type":"sing"}'), null);
  assert.equal(parse("{"), null);
  assert.equal(parse("[1]"), null);
  assert.equal(parse("null"), null);
  assert.deepEqual(parse('{"type":"messages_update","messages":[]}'), {
    type: "messages_update",
    messages: [],
    interim: "",
  });
});

test("S004-101: the events of earlier clients", () => {
  const legacy = new Legacy();
  assert.deepEqual(legacy.limit("You have none left."), [
    { event: "json", value: { detail: { message_limit_reached: "You have none left." } } },
  ]);
  const said = { type: "message" as const };
  const hello = { ...said, source: "ai" as const, messageId: "0", intended: "Good day." };
  legacy.begin();
  assert.deepEqual(legacy.aiSpeech(true), []);
  assert.deepEqual(legacy.messages([{ ...hello, content: "Good" }]), [], "it may still grow");
  assert.deepEqual(
    legacy.aiSpeech(false).map((each) => each.event),
    ["ai_speech_stopped", "reply_end"],
  );
  assert.deepEqual(legacy.messages([{ ...hello, content: "Good day." }]), [
    { event: "json", value: { detail: { persona_message: "Good day." } } },
  ]);
  const interim = {
    type: "temporary_message" as const,
    source: "user" as const,
    messageId: "interim",
    content: "how",
  };
  assert.deepEqual(legacy.messages([{ ...hello, content: "Good day." }, interim]), [
    { event: "json", value: { detail: { transcription: "how" } } },
  ]);
  const question = { ...said, source: "user" as const, messageId: "1", content: "How are you?" };
  assert.deepEqual(legacy.messages([{ ...hello, content: "Good day." }, question]), [
    { event: "json", value: { detail: { user_message: "How are you?" } } },
  ]);
  assert.deepEqual(legacy.action({ show: { page: 1 } }), [
    { event: "json", value: { detail: { show: { page: 1 } } } },
  ]);
});

test("callbacks are added, removed, and do not spoil it for others", () => {
  const emitter = new Emitter<{ it: number }>();
  const got: number[] = [];
  const thrown: unknown[] = [];
  globalThis.reportError = (error): void => void thrown.push(error);
  const end = emitter.on("it", () => {
    throw new Error("mine");
  });
  const keep = (value: number): void => void got.push(value);
  emitter.on("it", keep);
  emitter.emit("it", 1);
  assert.deepEqual(thrown, [new Error("mine")]);
  end();
  emitter.emit("it", 2);
  emitter.off("it", keep);
  assert.equal(emitter.has("it"), false);
  emitter.emit("it", 3);
  assert.deepEqual(got, [1, 2]);
});

test("what a broken connection did not deliver is sent on the next", () => {
  const delivery = new Delivery();
  for (const text of ["a", "b", "c"]) delivery.sent(text);
  assert.deepEqual(delivery.missed(1), ["b", "c"]);
  assert.deepEqual(delivery.missed(3), []);
  assert.equal(delivery.missed(4), null, "it cannot have received more than was sent");
  for (let i = 0; i < 600; i += 1) delivery.sent(String(i));
  assert.equal(delivery.missed(3), null, "that is forgotten");
  assert.deepEqual(delivery.missed(602), ["599"]);
});

test("errors of the microphone say what the page can do", () => {
  for (const [name, expected] of [
    ["NotAllowedError", "microphone_denied"],
    ["NotFoundError", "microphone_missing"],
    ["OverconstrainedError", "microphone_missing"],
    ["NotReadableError", "microphone_busy"],
    ["TypeError", "microphone_unavailable"],
  ] as const) {
    assert.equal(microphoneProblem({ name }).code, expected);
  }
  assert.equal(microphoneProblem(null).code, "microphone_unavailable");
});
