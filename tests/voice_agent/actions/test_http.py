"""The guarded client: nothing inside is reached, and nothing takes more than its bounds."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.voice_agent.actions.hooks import HANG_S, Hook, listening
from voice_agent.actions.addresses import AllowList
from voice_agent.actions.http import (
    GuardedClient,
    RequestFailed,
    RequestRefused,
    Rules,
    Signer,
    signing_key,
)


class Names(AbstractResolver):
    """Resolves every name to the next of `answers`, the last one for ever."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        kind = socket.AF_INET6 if ":" in answer else socket.AF_INET
        return [
            {
                "hostname": host,
                "host": answer,
                "port": port,
                "family": kind,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self) -> None: ...


def lenient(hook: Hook, **rules: Any) -> Rules:
    """Everything is allowed that does not concern the address."""
    return Rules(allow_http=True, ports=frozenset({hook.port}), **rules)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1"),
        *("0177.0.0.1", "0177.1", "017700000001", "[::1]", "[::ffff:127.0.0.1]"),
        *("[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0"),
        *("0", "[::]", "127。0。0。1", "①②⑦.⓪.⓪.①", "localhost.", "LOCALHOST", "127.0.0.1."),
        *("169.254.169.254", "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16"),
        *("metadata.google.internal", "10.0.0.1", "192.168.0.1", "[fe80::1]", "0.0.0.0.0"),
    ],
)
async def test_no_form_of_an_inside_address_is_reached(host: str) -> None:
    """S004-43"""
    async with listening() as hook, GuardedClient(lenient(hook, connect_ms=500)) as client:
        with pytest.raises((RequestRefused, RequestFailed)):
            async with asyncio.timeout(HANG_S):
                await client.request("GET", f"http://{host}:{hook.port}/", {})
        assert hook.received == []


@pytest.mark.parametrize("answer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1"])
async def test_a_public_name_with_an_inside_address_is_refused(answer: str) -> None:
    """S004-43"""
    async with listening() as hook, GuardedClient(lenient(hook), Names(answer)) as client:
        with pytest.raises(RequestRefused, match=r"evil\.example is not public"):
            await client.request("GET", f"http://evil.example:{hook.port}/", {})
        assert hook.received == []


async def test_a_name_that_is_rebound_gains_nothing() -> None:
    """S004-43"""
    names = Names("93.184.215.14", "127.0.0.1")
    async with listening() as hook:
        rules = lenient(hook, connect_ms=100)
        # The check of the first resolution would pass; the connection goes by the second one.
        await names.resolve("evil.example")
        async with GuardedClient(rules, names) as client:
            with pytest.raises(RequestRefused):
                await client.request("GET", f"http://evil.example:{hook.port}/", {})
        assert names.asked >= 2
        assert hook.received == []


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/"),
        *("https://user:pass@example.com/", "https://user@example.com/", "https:///x", "https://"),
        *("http://example.com/", "https://example.com:22/", "https://example.com:6379/", "x"),
        *("https://example.com:99999/", "https://[::1", "unix:///var/run/docker.sock"),
    ],
)
async def test_other_schemes_ports_and_credentials_are_refused(url: str) -> None:
    """S004-43"""
    names = Names("8.8.8.8")
    async with GuardedClient(Rules(), names) as client:
        with pytest.raises(RequestRefused):
            await client.request("GET", url, {})
    assert names.asked == 0


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/admin", "/admin"])
async def test_a_redirect_is_not_followed(target: str) -> None:
    """S004-43"""
    async with listening() as hook:
        hook.status, hook.headers = 302, {"Location": target.format(port=hook.port)}
        rules = Rules(allow=AllowList([f"127.0.0.1:{hook.port}"]))
        async with GuardedClient(rules) as client:
            answer = await client.request("GET", f"{hook.url}/a", {})
    assert answer.status == 302
    assert [received.path for received in hook.received] == ["/a"]


async def test_what_the_operator_opens_is_reached_without_tls() -> None:
    """S004-43, S004-47"""
    async with listening() as hook:
        rules = Rules(allow=AllowList([f"127.0.0.1:{hook.port}"]), public=False)
        async with GuardedClient(rules) as client:
            answer = await client.request("POST", f"{hook.url}/a?b=1", {"X-A": "b"}, b"{}")
    assert (answer.status, answer.body, answer.cut) == (200, b'{"ok": true}', False)
    (received,) = hook.received
    assert (received.method, received.path, received.body) == ("POST", "/a?b=1", b"{}")
    assert received.headers["x-a"] == "b"
    assert received.headers["user-agent"] == "voice-agent"


async def test_a_listed_name_is_reached_at_its_private_address() -> None:
    async with listening() as hook:
        rules = Rules(allow=AllowList(["hooks.internal"]))
        async with GuardedClient(rules, Names("127.0.0.1")) as client:
            answer = await client.request("GET", f"http://hooks.internal:{hook.port}/", {})
    assert answer.status == 200


async def test_without_the_public_internet_only_listed_hosts_are_called() -> None:
    names = Names("8.8.8.8")
    async with GuardedClient(Rules(public=False), names) as client:
        with pytest.raises(RequestRefused, match="not listed"):
            await client.request("GET", "https://example.com/", {})
    assert names.asked == 0


async def test_a_long_answer_is_cut() -> None:
    async with listening() as hook:
        hook.text = "x" * 100_000
        rules = Rules(allow=AllowList([f"127.0.0.1:{hook.port}"]), longest_answer=1000)
        async with GuardedClient(rules) as client:
            answer = await client.request("GET", hook.url, {})
    assert (len(answer.body), answer.cut) == (1000, True)


async def test_a_compressed_answer_is_not_unpacked() -> None:
    async with listening() as hook:
        hook.headers = {"Content-Encoding": "gzip"}
        rules = Rules(allow=AllowList([f"127.0.0.1:{hook.port}"]))
        async with GuardedClient(rules) as client:
            answer = await client.request("GET", hook.url, {})
    assert (answer.body, answer.cut) == (b"", True)
    assert hook.received[0].headers["accept-encoding"] == "identity"


async def test_an_answer_that_does_not_come_ends_in_time_and_is_not_asked_for_again() -> None:
    """S004-50"""
    async with listening() as hook:
        hook.gate.clear()
        rules = Rules(allow=AllowList([f"127.0.0.1:{hook.port}"]), timeout_ms=200)
        async with GuardedClient(rules) as client:
            with pytest.raises(RequestFailed, match="in time") as caught:
                await client.request("POST", hook.url, {}, b"{}")
        assert caught.value.sent
        assert len(hook.received) == 1


async def test_a_refused_connection_is_tried_once_more() -> None:
    """S004-50"""
    probe = socket.socket()
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    dialed: list[str] = []

    class Counting(GuardedClient):
        def _socket(self, info: tuple[Any, ...]) -> socket.socket:
            dialed.append(info[4][0])
            return super()._socket(info)

    rules = Rules(allow=AllowList([f"127.0.0.1:{port}"]))
    async with Counting(rules) as client:
        with pytest.raises(RequestFailed, match="cannot be reached") as caught:
            await client.request("POST", f"http://127.0.0.1:{port}/", {}, b"{}")
    assert not caught.value.sent
    assert dialed == ["127.0.0.1"] * 2


async def test_a_connection_that_breaks_is_not_tried_again() -> None:
    """S004-50"""
    requests = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readline()
        requests += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    rules = Rules(allow=AllowList([f"127.0.0.1:{port}"]))
    async with server, GuardedClient(rules) as client:
        with pytest.raises(RequestFailed, match="broke") as caught:
            await client.request("POST", f"http://127.0.0.1:{port}/", {}, b"{}")
    assert caught.value.sent
    assert requests == 1


def test_signatures_are_those_of_standard_webhooks() -> None:
    # The example of https://github.com/standard-webhooks/standard-webhooks (libraries' tests).
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signer = Signer([key], lambda: 1614265330)
    headers = signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_sign_while_they_are_changed() -> None:
    one, both = Signer([b"a"], lambda: 1), Signer([b"b", b"a"], lambda: 1)
    (single,) = one.headers("id", b"x")["webhook-signature"].split()
    assert both.headers("id", b"x")["webhook-signature"].split()[1] == single
    assert Signer([], lambda: 1).headers("id", b"x") == {}


def test_a_signing_secret_that_is_no_base64_is_refused() -> None:
    with pytest.raises(ValueError, match="base64|padding|Non"):
        signing_key("whsec_%%%")
