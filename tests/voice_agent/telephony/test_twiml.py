from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_agent.telephony.twiml import connect_stream, reject, say_and_hang_up

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def test_connect_stream() -> None:
    assert connect_stream("wss://a.example/media", {"token": "abc", "from": "+4930123"}) == (
        f'{HEAD}<Response><Connect><Stream url="wss://a.example/media">'
        '<Parameter name="token" value="abc" /><Parameter name="from" value="+4930123" />'
        "</Stream></Connect><Hangup /></Response>"
    )


def test_connect_stream_with_an_action() -> None:
    assert '<Connect action="https://a.example/after?x=1&amp;y=2"><Stream' in connect_stream(
        "wss://a.example/media", {}, action="https://a.example/after?x=1&y=2"
    )


@pytest.mark.parametrize(
    "url",
    [
        "wss://a.example/media?x=1",
        "wss://a.example/#x",
        "https://a.example/media",
        "/media",
        "wss:",
    ],
)
def test_urls_that_the_carrier_refuses(url: str) -> None:
    with pytest.raises(ValueError, match="media stream"):
        connect_stream(url, {})


def test_long_parameters_are_refused() -> None:
    connect_stream("wss://a.example/", {"p": "x" * 498})
    with pytest.raises(ValueError, match="'p' is too long"):
        connect_stream("wss://a.example/", {"p": "x" * 499})


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=60))
def test_values_survive_the_xml(value: str) -> None:
    root = ElementTree.fromstring(connect_stream("wss://a.example/", {"p": value}).encode())
    parameter = root.find("Connect/Stream/Parameter")
    assert parameter is not None
    assert parameter.attrib == {"name": "p", "value": value}


def test_reject() -> None:
    assert reject() == f'{HEAD}<Response><Reject reason="rejected" /></Response>'
    assert reject("busy") == f'{HEAD}<Response><Reject reason="busy" /></Response>'


def test_say_and_hang_up() -> None:
    assert say_and_hang_up("Please call <later> & try") == (
        f"{HEAD}<Response><Say>Please call &lt;later&gt; &amp; try</Say><Hangup /></Response>"
    )
