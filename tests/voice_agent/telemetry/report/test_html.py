"""The page: whole, self-contained, and safe whatever was said."""

import re
from html.parser import HTMLParser

from tests.voice_agent.telemetry.report.test_summary import answer, call, recorded
from voice_agent.sections import PriceSettings
from voice_agent.telemetry.report.html import page, render
from voice_agent.telemetry.report.summary import report
from voice_agent.telemetry.turns import Turn

VOID = {"meta", "br", "rect", "line", "link", "img"}


class Reader(HTMLParser):
    """Collects elements and texts; every element must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.struck: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}>"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "s":
            self.struck.append(data)


def test_the_page_asks_nothing_of_the_network() -> None:
    text = render(recorded(PriceSettings(stt=0.01)))
    read = Reader(text)
    assert not re.findall(r"(?:https?:)?//[a-z]", text), "no address of any kind"
    assert "url(" not in text and "@import" not in text
    assert not {tag for tag, _ in read.elements} & {"script", "link", "img", "iframe"}
    for tag, attributes in read.elements:
        for name in ("src", "href", "srcset"):
            if (target := attributes.get(name)) is not None:
                assert target.startswith("#"), (tag, target)


def test_links_lead_somewhere_and_names_are_unique() -> None:
    read = Reader(render(recorded()))
    names = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(names) == len(set(names))
    targets = {attributes["href"] for tag, attributes in read.elements if tag == "a"}
    assert targets and targets <= {f"#{name}" for name in names}


def test_what_was_not_heard_is_struck_through() -> None:
    read = Reader(render(recorded()))
    assert read.struck == ["during the week are Sunday closed and Monday closed."]


def test_what_callers_say_is_text_and_nothing_else() -> None:
    evil = "<script>alert(1)</script>"
    turn = answer(2, 400)
    turn.user_text, turn.agent_text, turn.heard_text = evil, f"{evil} twice", evil
    file, figures = call(turn)
    text = render(report([(f"{evil}{file}", figures)], PriceSettings()))
    assert "<script" not in text and text.count("&lt;script&gt;") >= 4


def test_both_color_schemes_and_small_screens() -> None:
    text = render(recorded())
    assert "prefers-color-scheme: dark" in text
    assert "width=device-width" in text and "@media (max-width" in text


def test_a_waterfall_begins_with_the_callers_last_sound_and_stays_inside() -> None:
    turn = answer(2, 900)
    turn.asked, turn.transcribed, turn.ended = 80, 200, 5900
    found = page(report([call(turn)], PriceSettings()))
    [view] = found["calls"][0].turns
    bars = {bar.name: bar for bar in view.bars}
    assert view.scale == "1.00 s" and view.first_audio_at == 90.0
    assert (bars["endpointing"].left, bars["endpointing"].width) == (0.0, 10.0)
    assert (bars["stt"].left, bars["stt"].width) == (8.0, 12.0)
    assert bars["heard"].cut and bars["heard"].label == "5.00 s"
    assert bars["heard"].left + bars["heard"].width == 100.0


def test_calls_without_anything_in_them() -> None:
    silent = call(Turn(1, agent_text="Hello.", released=0), Turn(2, started=0, released=5))
    Reader(render(report([silent], PriceSettings())))
    Reader(render(report([call()], PriceSettings())))


def test_the_histogram_counts_every_answer_once() -> None:
    turns = [answer(number, ms) for number, ms in enumerate((100, 199, 200, 1650), start=1)]
    found = page(report([call(*turns)], PriceSettings()))
    assert [bin.height for bin in found["bins"]][:2] == [100.0, 50.0]
    assert len(found["bins"]) == 16 and found["bins"][-1].height == 50.0
    assert (found["bins_from"], found["bins_to"]) == ("100 ms", "1.70 s")
