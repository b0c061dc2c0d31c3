"""The browser itself: what the other tests take for granted."""

import pytest
from playwright.sync_api import Browser, Page

from .place import Pages, Place

pytestmark = pytest.mark.browser
MICROPHONE = ("goforward", 1.0)

LOUDEST = """async () => {
    const stream = await navigator.mediaDevices.getUserMedia({audio: true});
    const context = new AudioContext(), analyser = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let loudest = 0;
    for (const until = performance.now() + 1500; performance.now() < until;) {
        await new Promise(resolve => setTimeout(resolve, 20));
        analyser.getFloatTimeDomainData(samples);
        loudest = Math.max(loudest, ...samples.map(Math.abs));
    }
    stream.getTracks().forEach(track => track.stop());
    await context.close();
    return loudest;
}"""


def test_a_page_of_another_origin_hears_the_microphone(
    page: Page, elsewhere: Pages, anna: Place
) -> None:
    page.goto(elsewhere.put("<!doctype html><title>Shop</title>"))
    assert page.title() == "Shop"
    assert page.evaluate("location.origin") != anna.url
    for _ in range(2):  # The file begins anew.
        assert page.evaluate(LOUDEST) > 0.1


def test_a_profile_without_the_permission_is_refused_at_once(
    chromium: Browser, elsewhere: Pages
) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(elsewhere.put("<!doctype html><title>Shop</title>"))
        asked = "navigator.mediaDevices.getUserMedia({audio: true}).catch(error => error.name)"
        assert page.evaluate(asked) == "NotAllowedError"
