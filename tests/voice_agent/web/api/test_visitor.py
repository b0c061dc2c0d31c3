"""Where requests come from, as far as anybody may be believed."""

from ipaddress import ip_network

import pytest
from aiohttp.test_utils import make_mocked_request

from voice_agent.web.api.visitor import address_of, from_other_page, from_own_page, page_origin

PROXIES = [ip_network("10.0.0.0/8"), ip_network("::1/128")]


@pytest.mark.parametrize(
    ("remote", "told", "address"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # No proxy of ours: not believed.
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),  # The first is its own words.
        ("10.0.0.1", "203.0.113.9, 198.51.100.1, 10.2.3.4", "198.51.100.1"),
        ("::1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", ""),
    ],
)
def test_the_address(remote: str, told: str, address: str) -> None:
    headers = {"X-Forwarded-For": told} if told else {}
    request = make_mocked_request("GET", "/", headers).clone(remote=remote)
    assert address_of(request, PROXIES) == address


@pytest.mark.parametrize(
    ("headers", "own", "other"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True, False),
        ({"Sec-Fetch-Site": "same-site"}, False, True),
        ({"Sec-Fetch-Site": "none"}, False, True),
        ({"Origin": "http://localhost:8080"}, True, False),
        ({"Origin": "https://agent.example.com"}, True, False),
        ({"Origin": "https://evil.example"}, False, True),
        ({"Origin": "http://localhost:8080.evil.example"}, False, True),
        ({"Origin": "null"}, False, True),
        ({"Origin": ""}, False, True),
        ({}, False, False),
    ],
)
def test_whose_page_it_was(headers: dict[str, str], own: bool, other: bool) -> None:
    request = make_mocked_request("POST", "/", {"Host": "localhost:8080", **headers})
    public = "https://agent.example.com"
    assert (from_own_page(request, public), from_other_page(request, public)) == (own, other)
    if headers.get("Origin") == "null":
        assert not from_own_page(request)


def test_the_origin_of_our_pages() -> None:
    public = "https://agent.example.com"
    for host, origin, expected in (
        ("localhost:8080", "http://localhost:8080", "http://localhost:8080"),
        ("localhost:8080", public, public),  # A proxy that asks for another host.
        ("agent.example.com", public, public),
        ("localhost:8080", "", public),
        ("evil.example", "https://evil.example", public),
    ):
        request = make_mocked_request("POST", "/", {"Host": host, "Origin": origin})
        assert page_origin(request, public) == expected
    for origin, expected in (
        ("", "http://agent.lan"),
        ("https://agent.lan", "https://agent.lan"),  # A proxy that took the TLS away.
        ("https://evil.example", "http://agent.lan"),
    ):
        request = make_mocked_request("POST", "/", {"Host": "agent.lan", "Origin": origin})
        assert page_origin(request, "") == expected
