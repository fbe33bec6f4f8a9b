import contextlib
import errno
import hashlib
import json
import os
import random
import threading

import pytest
import safetensors.torch
import torch

from broken_disks import BrokenDisk, Killed
from contrica._atomic import HIDDEN
from contrica.errors import DomainError, DtypeError, OutputError, RecordError
from contrica.saving import folder as folders
from contrica.saving import read_folder, read_manifest, write_folder
from contrica.saving.manifest import DTYPES, FORMAT_VERSION

OLD = ({"title": "old", "numbers": [1, 2.5, None, True]}, {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(())})
NEW = ({"title": "new"}, {"a": torch.arange(4), "c": torch.zeros(0, 5)})


def write(place, content=OLD, kind="model"):
    description, tensors = content
    write_folder(place, kind=kind, description=description, tensors=tensors)
    return place


def same(saved, content):
    description, tensors = content
    return (
        saved.description == description
        and saved.tensors.keys() == tensors.keys()
        and all(
            torch.equal(saved.tensors[name], tensors[name]) and saved.tensors[name].dtype == tensors[name].dtype
            for name in tensors
        )
    )


def names(place):
    return {path.name for path in place.iterdir()}


def refusal(call, error):
    """Return the sentence with which ``call`` is refused, or None."""
    try:
        call()
    except error as sentence:
        return str(sentence)
    return None


def signed(entries):
    """A manifest whose own sum holds, whatever it says."""
    entries = {key: value for key, value in entries.items() if key != "sha256"}
    text = json.dumps(entries, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return json.dumps({**entries, "sha256": hashlib.sha256(text.encode()).hexdigest()}).encode()


def forge(place, change):
    """Change the entries of the manifest as an author could who knows how the sums are made."""
    entries = json.loads((place / "manifest.json").read_bytes())
    change(entries)
    (place / "manifest.json").unlink()
    (place / "manifest.json").write_bytes(signed(entries))


def forge_data(place, data):
    """Put other data in place, with sums that hold."""

    def change(entries):
        digest = hashlib.sha256(data).hexdigest()
        (place / entries["data"]["file"]).unlink()
        file = f"tensors-{digest[:16]}.safetensors"
        (place / file).write_bytes(data)
        entries["data"] = {"file": file, "bytes": len(data), "sha256": digest}

    forge(place, change)


def data_file(place):
    return place / read_manifest(place).data_file


# ---- what is written comes back ----


@pytest.mark.parametrize("content", [OLD, NEW, ({}, {})])
def test_what_is_written_comes_back(content, tmp_path):
    assert same(read_folder(write(tmp_path / "deep" / "out", content), kind="model"), content)


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_every_type_comes_back_bit_by_bit(dtype, tmp_path):
    bits = torch.randint(0, 2, (8 * dtype.itemsize,), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    tensor = bits.view(dtype) if dtype != torch.bool else bits.bool()
    found = read_folder(write(tmp_path / "out", ({}, {"x": tensor})), kind="model").tensors["x"]
    assert found.dtype == dtype
    assert torch.equal(found.view(torch.uint8), tensor.view(torch.uint8))


def test_not_a_number_and_views_and_shared_memory_are_kept_as_values(tmp_path):
    table = torch.tensor([[float("nan"), -0.0], [float("inf"), 1e-45]])
    tensors = {"t": table.T, "row": table[1], "again": table}
    found = read_folder(write(tmp_path / "out", ({}, tensors)), kind="model").tensors
    for name, tensor in tensors.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0, equal_nan=True)


def test_equal_content_gives_equal_bytes(tmp_path):
    left, right = write(tmp_path / "left"), write(tmp_path / "right")
    assert {name: (left / name).read_bytes() for name in names(left)} == {
        name: (right / name).read_bytes() for name in names(right)
    }


def test_a_parameter_is_saved_without_its_graph(tmp_path):
    parameter = torch.nn.Parameter(torch.ones(2))
    assert not read_folder(write(tmp_path / "out", ({}, {"p": parameter})), kind="model").tensors["p"].requires_grad


def test_a_manifest_says_what_is_in_the_folder(tmp_path):
    entries = json.loads((write(tmp_path / "out") / "manifest.json").read_text(encoding="utf-8"))
    assert entries["format_version"] == FORMAT_VERSION
    assert entries["kind"] == "model"
    assert entries["tensors"]["a"] == {"dtype": "float32", "shape": [2, 3]}
    data = (tmp_path / "out" / entries["data"]["file"]).read_bytes()
    assert entries["data"]["bytes"] == len(data)
    assert entries["data"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert safetensors.torch.load(data).keys() == OLD[1].keys()


# ---- replacing ----


def test_a_new_version_takes_the_place_of_the_old_one_and_other_files_stay(tmp_path):
    place = write(tmp_path / "out")
    (place / "notes.txt").write_text("mine")
    (place / f"{HIDDEN}left").mkdir()
    write(place, NEW)
    assert same(read_folder(place, kind="model"), NEW)
    assert names(place) == {"manifest.json", "notes.txt", data_file(place).name}


def test_writing_the_same_again_repairs_its_tensors(tmp_path):
    place = write(tmp_path / "out")
    data_file(place).write_bytes(b"spoilt")
    assert same(read_folder(write(place), kind="model"), OLD)


@pytest.mark.parametrize("old", [None, OLD])
def test_a_disk_that_fails_at_any_call_leaves_the_old_version_and_nothing_else(old, tmp_path, monkeypatch):
    place = tmp_path / "out"
    for at in range(1, 200):
        if old is not None:
            write(place, old)
        with monkeypatch.context() as patch:
            disk = BrokenDisk(patch, at, error=OSError(errno.ENOSPC, "No space left on device"))
            sentence = refusal(lambda: write(place, NEW), OutputError)
        if sentence is None:
            break
        assert "No space left on device" in sentence
        assert "intact" in sentence
        if old is None and not place.exists():
            continue
        found = read_folder(place, kind="model")
        # Once the manifest has been renamed the new version is in place, though its writer was told of a failure.
        assert same(found, NEW if found.description == NEW[0] else old)
        assert names(place) == {"manifest.json", data_file(place).name}
        if old is None:
            data_file(place).unlink()
            (place / "manifest.json").unlink()
            place.rmdir()
    assert not disk.broke
    assert at >= 12
    assert same(read_folder(place, kind="model"), NEW)


@pytest.mark.slow
@pytest.mark.parametrize("old", [None, OLD])
def test_a_writer_that_is_killed_at_any_call_leaves_the_old_or_the_new_version(old, tmp_path, monkeypatch):
    seen = set()
    for at in range(1, 200):
        place = tmp_path / f"{old is None}-{at}"
        if old is not None:
            write(place, old)
        with monkeypatch.context() as patch:
            disk = BrokenDisk(patch, at, error=Killed())
            with contextlib.suppress(Killed):
                write(place, NEW)
        if old is not None or (place / "manifest.json").exists():
            found = read_folder(place, kind="model")
            assert same(found, NEW if found.description == NEW[0] else old)
            seen.add(found.description["title"])
        if not disk.broke:
            break
        write(place, NEW)  # what the killed writer left stands in nobody's way, and goes
        assert same(read_folder(place, kind="model"), NEW)
        assert names(place) == {"manifest.json", data_file(place).name}
    assert at >= 12
    assert seen == ({"old", "new"} if old is not None else {"new"})


def test_a_real_limit_on_the_size_of_files_is_a_sentence_and_the_old_version_stays(tmp_path):
    resource = pytest.importorskip("resource")
    place = write(tmp_path / "out")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="File too large"):
            write(place, ({}, {"large": torch.zeros(100_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert same(read_folder(place, kind="model"), OLD)
    assert names(place) == {"manifest.json", data_file(place).name}


@pytest.mark.slow
def test_a_reader_beside_a_writer_sees_whole_versions_only(tmp_path):
    place = write(tmp_path / "out", ({"number": 0}, {"x": torch.full((50,), 0)}))
    done = threading.Event()

    def keep_writing():
        for number in range(1, 60):
            write(place, ({"number": number}, {"x": torch.full((50,), number)}))
        done.set()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    seen = set()
    while not done.is_set():
        saved = read_folder(place, kind="model")
        assert torch.equal(saved.tensors["x"], torch.full((50,), saved.description["number"]))
        seen.add(saved.description["number"])
    writer.join()
    assert len(seen) > 3


def test_two_writers_do_not_meet(tmp_path):
    pytest.importorskip("fcntl")
    place = write(tmp_path / "out")
    with folders._claimed(place), pytest.raises(OutputError, match="another program"):
        write(place, NEW)
    assert same(read_folder(place, kind="model"), OLD)


# ---- what is not written ----


def test_a_folder_of_something_else_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="other files"):
        write(tmp_path)
    assert names(tmp_path) == {"notes.txt"}


@pytest.mark.parametrize("content", [b"{}", b"", b"\xff", b'{"format": "contrica-folder", "format_version": 99}'])
def test_a_manifest_of_something_else_is_not_overwritten(content, tmp_path):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(OutputError, match="must be new, empty or a sound model"):
        write(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == content


def test_another_kind_is_not_overwritten(tmp_path):
    write(tmp_path / "out", kind="checkpoint")
    with pytest.raises(OutputError, match="holds a checkpoint"):
        write(tmp_path / "out")


@pytest.mark.parametrize("name", ["no\0name", "x" * 300, "file", "file/below"])
def test_a_place_that_can_be_no_folder_is_refused(name, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="must be"):
        write(tmp_path / name)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1: 2}, {"a": {None: 2}}, {1, 2}, b"bytes", torch.ones(2), "half \ud800"]
)
def test_a_description_that_json_cannot_hold_is_refused(value, tmp_path):
    with pytest.raises(DomainError, match="description must hold what JSON can"):
        write(tmp_path / "out", ({"value": value}, {}))
    assert names(tmp_path) == set()


def test_a_description_that_holds_itself_is_refused(tmp_path):
    value: list = []
    value.append(value)
    with pytest.raises(DomainError, match="description must hold what JSON can"):
        write(tmp_path / "out", ({"value": value}, {}))


def test_a_description_that_belongs_into_tensors_is_refused(tmp_path):
    with pytest.raises(DomainError, match="keep long lists of numbers as tensors"):
        write(tmp_path / "out", ({"value": "x" * (9 << 20)}, {}))


@pytest.mark.parametrize(
    "tensor",
    [torch.ones(2, dtype=torch.complex64), torch.ones(2, device="meta"), torch.eye(2).to_sparse(), [1.0], None],
    ids=str,
)
def test_what_is_no_dense_tensor_is_refused(tensor, tmp_path):
    with pytest.raises(DtypeError, match="x must be a"):
        write(tmp_path / "out", ({}, {"x": tensor}))
    assert names(tmp_path) == set()


# ---- what is not read ----


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(RecordError, match=r"it has no manifest\.json"):
        read_folder(tmp_path / "nowhere", kind="model")
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="it is a file"):
        read_folder(tmp_path / "file", kind="model")
    with pytest.raises(RecordError, match="cannot be read"):
        read_folder("no\0name", kind="model")


def test_another_kind_is_a_sentence(tmp_path):
    with pytest.raises(RecordError, match="must hold a model, and it holds a checkpoint"):
        read_folder(write(tmp_path / "out", kind="checkpoint"), kind="model")


def test_a_device_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(DomainError, match="device must be"):
        read_folder(write(tmp_path / "out"), kind="model", device="cuda:77")


def test_a_newer_version_asks_for_an_update(tmp_path):
    place = write(tmp_path / "out")
    forge(place, lambda entries: entries.update(format_version=FORMAT_VERSION + 1, secrets="of later"))
    with pytest.raises(RecordError, match="update contrica"):
        read_folder(place, kind="model")


def test_another_program_is_a_sentence(tmp_path):
    (tmp_path / "manifest.json").write_text('{"name": "an application", "icons": []}')
    with pytest.raises(RecordError, match="of another program"):
        read_folder(tmp_path, kind="model")


def test_missing_tensors_are_damage(tmp_path):
    place = write(tmp_path / "out")
    data_file(place).unlink()
    with pytest.raises(RecordError, match="is missing"):
        read_folder(place, kind="model")


@pytest.mark.parametrize("name", ["manifest.json", "tensors"])
def test_links_pipes_and_folders_in_the_place_of_a_file_are_not_opened(name, tmp_path):
    place, elsewhere = write(tmp_path / "out"), write(tmp_path / "elsewhere")
    path = data_file(place) if name == "tensors" else place / name
    path.unlink()
    path.symlink_to(elsewhere / path.name)
    with pytest.raises(RecordError, match="it is a link"):
        read_folder(place, kind="model")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(RecordError, match="something else"):
        read_folder(place, kind="model")
    path.unlink()
    path.mkdir()
    with pytest.raises(RecordError, match="Is a directory"):
        read_folder(place, kind="model")


@pytest.mark.parametrize("file", ["../elsewhere/t", "/etc/passwd", "manifest.json", "", "tensors-00.safetensors\n"])
def test_a_name_that_leads_elsewhere_is_refused(file, tmp_path):
    place = write(tmp_path / "out")
    forge(place, lambda entries: entries["data"].update(file=file))
    with pytest.raises(RecordError, match="of a wrong type"):
        read_folder(place, kind="model")


def test_a_file_that_claims_more_than_the_machine_has_is_refused(tmp_path):
    place = write(tmp_path / "out")
    size = 1 << 60
    forge(place, lambda entries: entries["data"].update(bytes=size))
    with pytest.raises(RecordError, match="must fit into memory"):
        read_folder(place, kind="model")


def test_a_manifest_of_gigabytes_is_not_read(tmp_path):
    place = write(tmp_path / "out")
    with (place / "manifest.json").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(RecordError, match="is damaged"):
        read_folder(place, kind="model")


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"format": "contrica-folder", "format": "contrica-folder"}',
        b'{"format": "contrica-folder", "x": NaN}',
        b'{"format": "contrica-folder", "x": 1e999}',
        b'{"format": "contrica-folder", "x": "\\ud800"}',
        b'{"format": "contrica-folder", "x": ' + b"9" * 10_000 + b"}",
        b"[]",
        b"null",
        b"",
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda text: text[:30],
)
def test_ambiguous_or_absurd_json_is_refused(text, tmp_path):
    (tmp_path / "manifest.json").write_bytes(text)
    with pytest.raises(RecordError, match="cannot be used"):
        read_folder(tmp_path, kind="model")


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: entries.pop("tensors"),
        lambda entries: entries.update(tensors=[]),
        lambda entries: entries.update(description=[]),
        lambda entries: entries.update(kind=3),
        lambda entries: entries.update(format_version="1"),
        lambda entries: entries.update(format_version=0),
        lambda entries: entries["data"].update(bytes=-1),
        lambda entries: entries["data"].update(bytes="many"),
        lambda entries: entries["tensors"]["a"].update(shape=[2, -3]),
        lambda entries: entries["tensors"]["a"].update(shape=[2, 3.0]),
        lambda entries: entries["tensors"]["a"].update(shape=[2] * 65),
        lambda entries: entries["tensors"]["a"].update(shape=[1 << 62] * 60),
        lambda entries: entries["tensors"]["a"].update(shape=6),
        lambda entries: entries["tensors"]["a"].update(dtype="object"),
        lambda entries: entries["tensors"]["a"].update(shape=[3, 2]),
        lambda entries: entries["tensors"].update(z={"dtype": "int8", "shape": [0]}),
        lambda entries: entries["tensors"].pop("a"),
    ],
)
def test_entries_of_a_wrong_type_or_value_are_refused(change, tmp_path):
    place = write(tmp_path / "out")
    forge(place, change)
    with pytest.raises(RecordError, match="damaged"):
        read_folder(place, kind="model")


# ---- thousands of mutations ----


def mutated(content, stream):
    """Flip bits, cut, repeat, insert or exchange: one to three at a time."""
    for _ in range(stream.randint(1, 3)):
        place = stream.randrange(len(content) + 1)
        end = min(len(content), place + stream.choice([1, 2, 8, 64]))
        match stream.randrange(6):
            case 0:
                content = content[:place]
            case 1:
                content = content[:place] + content[end:]
            case 2:
                content = content[:place] + content[place:end] * stream.choice([2, 20]) + content[end:]
            case 3:
                content = content[:place] + stream.randbytes(end - place) + content[end:]
            case 4:
                flipped = bytes(byte ^ (1 << stream.randrange(8)) for byte in content[place : place + 1])
                content = content[:place] + flipped + content[place + 1 :]
            case _:
                content = content[:place] + stream.choice(TOKENS) + content[place:]
    return content


TOKENS = [b"{", b"}", b"[", b"]", b",", b'"', b":", b"null", b"NaN", b"-1", b"1e999", b"9" * 30, b"\\u0000", b"\xff"]


@pytest.mark.slow
def test_a_mutated_file_is_refused_or_means_the_same(tmp_path):
    stream = random.Random(0)
    place = write(tmp_path / "out")
    found, refused = [], 0
    for path in (place / "manifest.json", data_file(place)):
        content = path.read_bytes()
        for _ in range(1000):
            path.unlink()
            path.write_bytes(mutated(content, stream))
            sentence = refusal(lambda: found.append(read_folder(place, kind="model")), RecordError)
            if sentence is None:
                assert same(found.pop(), OLD)
            else:
                refused += 1
                assert str(place) in sentence
                assert len(sentence) < 600
        path.write_bytes(content)
    assert refused > 1900


@pytest.mark.slow
def test_mutated_data_whose_sums_hold_never_do_anything_but_fail(tmp_path):
    stream = random.Random(1)
    place = write(tmp_path / "out")
    content = data_file(place).read_bytes()
    refused = 0
    for _ in range(1000):
        forge_data(place, mutated(content, stream))
        try:
            saved = read_folder(place, kind="model")
        except RecordError:
            refused += 1
        else:
            assert {name: tensor.shape for name, tensor in saved.tensors.items()} == {
                name: tensor.shape for name, tensor in OLD[1].items()
            }
    assert refused > 750


def changed(value, stream, depth=0):
    """Return a JSON value with one entry somewhere inside exchanged for something absurd."""
    if isinstance(value, dict) and value and (depth == 0 or stream.random() < 0.8):
        key = stream.choice(sorted(value))
        return {**value, key: changed(value[key], stream, depth + 1)}
    if isinstance(value, list) and value and stream.random() < 0.7:
        index = stream.randrange(len(value))
        return [*value[:index], changed(value[index], stream, depth + 1), *value[index + 1 :]]
    return stream.choice(
        [
            None,
            True,
            0,
            -1,
            1,
            3,
            1 << 31,
            1 << 63,
            1 << 200,
            0.5,
            "",
            "F32",
            "x" * 1000,
            [],
            {},
            [[]],
            [1, 2],
            {"a": 1},
        ]
    )


@pytest.mark.slow
def test_a_manifest_with_changed_values_whose_sums_hold_is_refused_or_harmless(tmp_path):
    stream = random.Random(2)
    place = write(tmp_path / "out")
    entries = json.loads((place / "manifest.json").read_bytes())
    refused = 0
    for _ in range(1000):
        (place / "manifest.json").unlink()
        (place / "manifest.json").write_bytes(signed(changed(entries, stream)))
        try:
            assert same(read_folder(place, kind="model"), (read_manifest(place).description, OLD[1]))
        except RecordError:
            refused += 1
    assert refused > 600
