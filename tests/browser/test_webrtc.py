"""Chromium as the far end of a call over WebRTC, without the SDK: what the protocol needs of it."""

import json
import urllib.request

import pytest
from playwright.sync_api import Page

from .place import Pages, Place

pytestmark = pytest.mark.browser
MICROPHONE = ("goforward", 3.0)

TALK = """
const messages = [];
const seen = (type) => messages.some((each) => each.type === type);
const until = async (done) => { while (!done()) await new Promise((go) => setTimeout(go, 20)); };
let peer, channel, place, stream, loudest = 0;

async function link(url, body) {
    const made = new RTCPeerConnection();
    channel = made.createDataChannel("events");
    channel.onmessage = (event) => messages.push(JSON.parse(event.data));
    stream ??= await navigator.mediaDevices.getUserMedia({audio: true});
    stream.getTracks().forEach((track) => made.addTrack(track, stream));
    made.ontrack = ({streams}) => {
        const audio = new Audio();
        audio.srcObject = streams[0];
        const context = new AudioContext(), analyser = context.createAnalyser();
        context.createMediaStreamSource(streams[0]).connect(analyser);
        const samples = new Float32Array(analyser.fftSize);
        setInterval(() => {
            analyser.getFloatTimeDomainData(samples);
            loudest = Math.max(loudest, ...samples.map(Math.abs));
        }, 20);
    };
    await made.setLocalDescription();
    await until(() => made.iceGatheringState === "complete");
    const answer = await fetch(url, {
        method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify({sdp: made.localDescription.sdp, ...body()}),
    });
    place = answer.headers.get("Location") ?? place;
    await made.setRemoteDescription({type: "answer", sdp: (await answer.json()).sdp});
    await until(() => made.connectionState === "connected" && channel.readyState === "open");
    return made;
}
"""


def token(anna: Place) -> str:
    asked = urllib.request.Request(
        f"{anna.url}/api/sessions",
        b"{}",
        {"Content-Type": "application/json", "Authorization": f"Bearer {anna.secret}"},
    )
    with urllib.request.urlopen(asked) as answer:
        return str(json.load(answer)["token"])


def test_a_page_talks_moves_and_leaves(page: Page, elsewhere: Pages, anna: Place) -> None:
    """S004-83: the sound of both sides, in another connection too; a page that closes its own has
    left."""
    page.goto(elsewhere.put(f"<!doctype html><title>Shop</title><script>{TALK}</script>"))
    begun = """async ([url, token]) => {
        peer = await link(`${url}/webrtc/offer`, () => ({init: {token, personaName: "Anna"}}));
        await until(() => seen("user_speech_started"));
        await until(() => loudest > 0.05);
    }"""
    moved = """async (url) => {
        const before = peer;
        peer = await link(url + place, () => ({received: messages.length}));
        before.close();
        loudest = 0;
        channel.send(JSON.stringify({type: "say_text", text: "Here I am."}));
        await until(() => loudest > 0.05);
    }"""
    page.evaluate(begun, [anna.url, token(anna)])
    page.evaluate(moved, anna.url)
    page.evaluate("peer.close()")
    anna.idle()
    (record,) = anna.records()
    assert record.conversation.status == "paused"
