import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "../src/backoff";
import { Connection, type Order } from "../src/connection";
import { PersonaError } from "../src/errors";

const GONE = new PersonaError("disconnected", "gone");
const REFUSED = new PersonaError("token_refused", "refused");
const names = (orders: Order[]): string[] => orders.map((order) => order.do);

function live(patienceMs = 60_000): Connection {
  const connection = new Connection(patienceMs, () => 1);
  assert.deepEqual(connection.begin(), [{ do: "connect", attempt: 0 }]);
  assert.deepEqual(connection.ready(), []);
  return connection;
}

test("S004-94: a first connection that fails is not tried again, but told", () => {
  const connection = new Connection(60_000);
  connection.begin();
  assert.deepEqual(connection.lost(GONE, 0), [{ do: "finish", problem: GONE }]);
  assert.equal(connection.phase, "over");
});

test("a lost connection is made again at once, and then ever later", () => {
  const connection = live();
  const waits = [];
  for (let now = 0; now < 10_000; now += 1000) {
    const orders = connection.lost(GONE, now);
    assert.deepEqual(names(orders), ["reconnecting", "wait"]);
    waits.push((orders[1] as { ms: number }).ms);
    assert.deepEqual(names(connection.due(now)), ["connect"]);
  }
  assert.deepEqual(waits, [0, 500, 1000, 2000, 4000, 5000, 5000, 5000, 5000, 5000]);
  assert.deepEqual(connection.ready(), [{ do: "reconnected" }]);
  assert.equal(connection.phase, "live");
  assert.deepEqual(connection.lost(GONE, 20_000)[0], { do: "reconnecting", attempt: 1, ms: 0 });
});

test("the clients of a server that was restarted do not come all at once", () => {
  assert.equal(backoff(0, 0.5), 0);
  assert.deepEqual([backoff(3, 0), backoff(3, 1)], [1000, 2000]);
});

test("it is given up after a while", () => {
  const connection = live(5000);
  connection.lost(GONE, 1000);
  connection.due(1000);
  assert.deepEqual(names(connection.lost(GONE, 5999)), ["reconnecting", "wait"]);
  connection.due(5999);
  assert.deepEqual(connection.lost(GONE, 6000), [{ do: "finish", problem: GONE }]);
  assert.deepEqual(connection.lost(GONE, 7000), []);
});

test("who is refused does not try again", () => {
  const connection = live();
  assert.deepEqual(connection.lost(REFUSED, 0), [{ do: "finish", problem: REFUSED }]);
});

test("without a network nobody tries; with one at once", () => {
  const connection = live();
  connection.network(false, 0);
  connection.lost(GONE, 0);
  assert.deepEqual(connection.due(0), [{ do: "wait", ms: 1000 }]);
  assert.deepEqual(names(connection.network(true, 500)), ["connect"]);
  assert.deepEqual(connection.due(1000), [], "the wait that was left over");
});

test("without a network it is given up too", () => {
  const connection = live(5000);
  connection.network(false, 0);
  connection.lost(GONE, 0);
  const [finish] = connection.due(5000);
  assert.equal(finish?.do === "finish" && finish.problem?.code, "disconnected");
});

test("S004-98: what was ended stays so", () => {
  const connection = live();
  assert.deepEqual(connection.end(), [{ do: "finish", problem: null }]);
  assert.deepEqual(connection.end(), []);
  assert.deepEqual(connection.lost(GONE, 0), []);
  assert.deepEqual(connection.network(true, 0), []);
});
