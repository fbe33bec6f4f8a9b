import io
import os
import struct
import zipfile
import zlib

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import scipy.io
from PIL import Image

from contrica.errors import FileFormatError, OutputError, UnknownNameError, UnreadableFileError
from contrica.files import ReaderProcess, contents, held, limits, read, reading

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 3))


@pytest.fixture(scope="module")
def process():
    with ReaderProcess() as lent:
        yield lent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(path, process):
    return {one.name: (one.shape, one.holds, bool(one.refusal)) for one in contents(path, process=process).arrays}


def write_all(dtype=float):
    array = X.astype(dtype)
    np.save("x.npy", array)
    np.savez("x.npz", x=array, other=X)
    np.savez_compressed("packed.npz", x=array, f=np.asfortranarray(array))
    np.savetxt("x.csv", array, delimiter=",", header="a,b,c", comments="")
    with h5py.File("x.h5", "w") as file:
        file["g/x"] = array
        file.create_dataset("chunked", data=array, chunks=(7, 2), compression="gzip")
        file["soft"] = h5py.SoftLink("/g/x")
    scipy.io.savemat("x.mat", {"x": array, "s": {"x": array}})
    pa.parquet.write_table(pa.table({name: array[:, n] for n, name in enumerate("abc")}), "x.parquet")


EVERYWHERE = [
    "x.npy",
    "x.npz:x",
    "packed.npz:x",
    "packed.npz:f",
    "x.csv",
    "x.csv:a,b,c",
    "x.csv:?",
    "x.h5:g/x",
    "x.h5:/g/x",
    "x.h5:chunked",
    "x.h5:soft",
    "x.mat:x",
    "x.mat:s/x",
    "x.parquet",
    "x.parquet:*",
]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_format_gives_back_the_numbers_that_were_saved(dtype, folder, process):
    write_all(dtype)
    for address in EVERYWHERE:
        found = read(address, process=process).values
        assert found.shape == X.shape, address
        assert found.dtype == (np.float64 if ".csv" in address else dtype), address
        np.testing.assert_array_equal(found, X.astype(dtype), err_msg=address)


def test_integers_booleans_and_foreign_byte_orders_come_as_this_machine_has_them(folder, process):
    for dtype in (">f8", ">i4", "u1", "?", "i8", ">u2"):
        array = (X > 0).astype(dtype)
        np.save("x.npy", array)
        with h5py.File("x.h5", "w") as file:
            file["x"] = array
        for address in ("x.npy", "x.h5:x"):
            found = read(address, process=process).values
            assert found.dtype == np.dtype(dtype).newbyteorder("=")
            np.testing.assert_array_equal(found, array)


def test_half_precision_is_widened(folder):
    np.save("x.npy", X.astype(np.float16))
    found = read("x.npy").values
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, X.astype(np.float16).astype(np.float32))


def test_a_table_tells_numbers_from_names_gaps_and_text(folder):
    with open("t.csv", "w") as file:
        file.write('time;speed;"what it does"\n0;1.5;walk\n1;;run\n2;NA;walk\n')
    np.testing.assert_array_equal(read("t.csv:time").values, [0.0, 1.0, 2.0])
    np.testing.assert_array_equal(read("t.csv:speed,time").values, [[1.5, 0.0], [np.nan, 1.0], [np.nan, 2.0]])
    action = read("t.csv:what it does")
    np.testing.assert_array_equal(action.values, [0, 1, 0])
    assert action.categories == ("walk", "run")
    with pytest.raises(FileFormatError, match=r"column 'what it does' holds text such as 'walk'.*t\.csv:time,speed"):
        read("t.csv")
    with pytest.raises(UnknownNameError, match="no column 'height'; it has time, speed, what it does"):
        read("t.csv:height")
    assert listed("t.csv", None) == {
        "time": ((3,), "float64", False),
        "speed": ((3,), "float64", False),
        "what it does": ((3,), "text", False),
    }


@pytest.mark.parametrize(
    ("text", "columns", "values"),
    [
        ("1,2\n3,4\n", ("0", "1"), [[1, 2], [3, 4]]),
        ("0,1,2\n3,4,5\n", ("0", "1", "2"), [[3, 4, 5]]),
        (",a,b\n0,1,2\n1,3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        (",0,1\n0,5,6\n1,7,8\n", ("0", "1"), [[5, 6], [7, 8]]),
        ("# a b\n1 2\n3   4 \n", ("a", "b"), [[1, 2], [3, 4]]),
        ("a\tb\r\n1\t2\r\n\r\n3\t4\r\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("a,a\n1,2\n", ("a", "a.1"), [[1, 2]]),
        ("\ufeffa,b\n1,2,\n", ("a", "b"), [[1, 2]]),
        ("5\n6\n", ("0",), [[5], [6]]),
    ],
)
def test_tables_of_many_hands_are_understood(text, columns, values, folder):
    with open("t.csv", "w", newline="", encoding="utf-8") as file:
        file.write(text)
    found = read("t.csv")
    assert found.columns == columns
    np.testing.assert_array_equal(found.values, np.array(values, dtype=float))


def test_text_that_turns_up_late_in_a_table_is_named(folder):
    with open("t.csv", "w") as file:
        file.write("a,b\n" + "1,2\n" * 5000 + "1,oops\n")
    with pytest.raises(FileFormatError, match="column 'b' holds text such as 'oops'"):
        read("t.csv")


def test_texts_of_arrays_are_labels(folder, process):
    texts = np.array(["walk", "run", "walk"])
    np.save("l.npy", texts)
    np.savez_compressed("l.npz", l=texts.astype("S"))
    with h5py.File("l.h5", "w") as file:
        file["l"] = texts.astype(object)
        file["bytes"] = texts.astype("S")
    pa.parquet.write_table(pa.table({"l": pa.array(texts).dictionary_encode(), "n": [1, 2, 3]}), "l.parquet")
    for address in ("l.npy", "l.npz:l", "l.h5:l", "l.h5:bytes", "l.parquet:l"):
        found = read(address, process=process)
        assert found.categories == ("walk", "run"), address
        np.testing.assert_array_equal(found.values, [0, 1, 0], err_msg=address)
    with pytest.raises(FileFormatError, match="column 'l' holds text"):
        read("l.parquet", process=process)


def test_times_of_a_parquet_table_are_seconds(folder, process):
    when = np.array(["1970-01-01T00:00:01.5", "1970-01-02"], dtype="M8[us]")
    pa.parquet.write_table(pa.table({"when": when, "gap": pa.array([1, None])}), "t.parquet")
    np.testing.assert_array_equal(read("t.parquet:when,gap", process=process).values, [[1.5, 1.0], [86400.0, np.nan]])


def test_a_pattern_joins_arrays_in_the_order_in_which_people_count(folder, process):
    parts = {f"trial{n}": np.full((n, 2), float(n)) for n in (1, 2, 10)}
    np.savez("t.npz", **parts, other=np.zeros(3))
    with h5py.File("t.h5", "w") as file:
        for name, part in parts.items():
            file[f"trials/{name}/x"] = part
    for address in ("t.npz:trial*", "t.h5:trials/*/x"):
        found = read(address, process=process)
        assert found.parts == (1, 2, 10)
        np.testing.assert_array_equal(found.values[:, 0], [1] + [2] * 2 + [10] * 10)
    with pytest.raises(FileFormatError, match="arrays of equal rows, and trial1 has rows of shape"):
        read("t.npz:*")
    with pytest.raises(UnknownNameError, match=r"no array 'run\*'; it holds trial1, "):
        read("t.npz:run*")


def test_structures_and_cells_of_matlab_are_paths(folder, process):
    trials = np.zeros(2, dtype=[("x", object), ("name", object)])
    trials["x"] = [X, 2 * X]
    trials["name"] = ["one", "two"]
    scipy.io.savemat("t.mat", {"trials": trials, "single": {"inner": {"v": np.arange(5)}}})
    np.testing.assert_array_equal(read("t.mat:trials/1/x", process=process).values, 2 * X)
    joined = read("t.mat:trials/*/x", process=process)
    assert joined.parts == (40, 40)
    np.testing.assert_array_equal(read("t.mat:single/inner/v", process=process).values, np.arange(5))
    assert listed("t.mat", process)["trials/0/name"][1:] == ("text", True)


def test_a_matlab_file_of_version_7_3_has_matlabs_axes_and_references(folder, process):
    with h5py.File("t.mat", "w", userblock_size=512) as file:
        file["x"] = X.T
        file["row"] = X[:, :1]
        file["column"] = X[:, :1].T
        kept = [file.create_dataset(f"#refs#/{name}", data=scale * X.T) for name, scale in (("a", 1), ("b", 2))]
        file.create_dataset("trials/x", data=np.array([[one.ref for one in kept]], dtype=h5py.ref_dtype))
    with open("t.mat", "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file")
    np.testing.assert_array_equal(read("t.mat:x", process=process).values, X)
    np.testing.assert_array_equal(read("t.mat:row", process=process).values, X[:, 0])
    np.testing.assert_array_equal(read("t.mat:column", process=process).values, X[:, 0])
    np.testing.assert_array_equal(read("t.mat:trials/x/1", process=process).values, 2 * X)
    assert listed("t.mat", process) == {
        "x": ((40, 3), "float64", False),
        "row": ((40,), "float64", False),
        "column": ((40,), "float64", False),
        "trials/x/0": ((40, 3), "float64", False),
        "trials/x/1": ((40, 3), "float64", False),
    }


def test_images_come_as_rows_in_the_order_of_their_numbers(folder, process):
    pixels = RNG.integers(0, 256, (11, 6, 5, 3)).astype(np.uint8)
    os.mkdir("images")
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(f"images/{number}.png")
    (folder / "images" / "notes.txt").write_text("not an image")
    np.testing.assert_array_equal(read("images", process=process).values, pixels.transpose(0, 3, 1, 2))
    assert read("images:1*.png", process=process).values.shape == (2, 3, 6, 5)
    Image.fromarray(pixels[0, :4]).save("images/99.png")
    with pytest.raises(FileFormatError, match=r"99\.png must be like 0\.png, RGB of 5 x 6, and it is RGB of 5 x 4"):
        read("images", process=process)


def test_large_arrays_are_mapped_and_small_ones_are_not(folder, process, monkeypatch):
    monkeypatch.setattr(held, "IN_MEMORY", 1 << 8)
    monkeypatch.setattr(reading, "BLOCK", 1 << 8)
    monkeypatch.setattr("contrica.files.npz.IN_MEMORY", 1 << 8)
    write_all()
    for address in EVERYWHERE:
        found = read(address, process=process).values
        assert isinstance(found, np.memmap), address
        assert not found.flags.writeable
        np.testing.assert_array_equal(found, X, err_msg=address)
    lying = {address: read(address, process=process).values.filename for address in ("x.npy", "x.npz:x", "x.h5:g/x")}
    assert [path.name for path in lying.values()] == ["x.npy", "x.npz", "x.h5"]
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert not any(isinstance(read(address, process=process).values, np.memmap) for address in EVERYWHERE)


def test_unpacking_without_room_is_refused_and_leaves_nothing(folder, process, monkeypatch):
    monkeypatch.setattr(held, "IN_MEMORY", 1 << 8)
    monkeypatch.setenv("TMPDIR", str(folder / "room"))
    (folder / "room").mkdir()
    monkeypatch.setattr(held.shutil, "disk_usage", lambda path: held.shutil._ntuple_diskusage(100, 100, 0))
    monkeypatch.setattr(held.tempfile, "tempdir", None)
    write_all()
    with pytest.raises(OutputError, match="set TMPDIR to a folder with room"):
        read("packed.npz:x")
    assert not list((folder / "room").iterdir())


def bomb(unpacked, claimed):
    """An archive of a member that unpacks to ``unpacked`` MiB of zeros and claims ``claimed`` bytes."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f8", "fortran_order": False, "shape": ((unpacked << 20) // 8,)}
    )
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packing.compress(head.getvalue()) + packing.flush(zlib.Z_FULL_FLUSH)
    again = packing.compress(bytes(1 << 20)) + packing.flush(zlib.Z_FULL_FLUSH)
    data = start + again * unpacked + packing.flush()
    claimed = claimed or len(head.getvalue()) + (unpacked << 20)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("x.npy", data)
    whole = bytearray(made.getvalue())
    for signature, method, size in ((b"PK\x03\x04", 8, 22), (b"PK\x01\x02", 10, 24)):
        place = whole.index(signature) if signature == b"PK\x03\x04" else whole.rindex(signature)
        struct.pack_into("<H", whole, place + method, 8)
        struct.pack_into("<I", whole, place + size, claimed)
    return bytes(whole)


@pytest.mark.parametrize("claimed", [None, 1000, 0xFFFFFFF0])
def test_an_archive_that_would_fill_the_memory_is_refused_unpacked(claimed, folder):
    (folder / "x.npz").write_bytes(bomb(3000, claimed))
    with pytest.raises(FileFormatError, match=r"claim to be 2\.9 GiB|must hold \d+ bytes|damaged"):
        read("x.npz")


@pytest.mark.slow
def test_a_bomb_in_other_formats_is_refused_unread(folder, process, monkeypatch):
    with h5py.File("x.h5", "w") as file:
        file.create_dataset("x", shape=(10**9, 100), chunks=(1000, 10), dtype="f8", compression="gzip")
    with pytest.raises(FileFormatError, match="claim to be"):
        read("x.h5", process=process)
    assert listed("x.h5", process)["x"][2]
    os.mkdir("images")
    Image.new("1", (17000, 17000)).save("images/a.png")
    with pytest.raises(FileFormatError, match="scale it down"):
        read("images", process=process)
    pa.parquet.write_table(pa.table({"x": np.zeros(1_000_000)}), "x.parquet")
    monkeypatch.setattr(limits, "FREELY", 1 << 10)
    with pytest.raises(FileFormatError, match="claim to be"):
        read("x.parquet", process=process)


def test_what_points_out_of_a_file_or_a_folder_is_refused(folder, process):
    with h5py.File("elsewhere.h5", "w") as file:
        file["x"] = X
    (folder / "raw").write_bytes(X.tobytes())
    with h5py.File("x.h5", "w", libver="latest") as file:
        file["linked"] = h5py.ExternalLink("elsewhere.h5", "x")
        file["again"] = h5py.SoftLink("/linked")
        file.create_dataset("outside", shape=X.shape, dtype="f8", external=[("raw", 0, X.nbytes)])
        layout = h5py.VirtualLayout(shape=X.shape, dtype="f8")
        layout[:] = h5py.VirtualSource("elsewhere.h5", "x", shape=X.shape)
        file.create_virtual_dataset("virtual", layout)
        file["round"] = h5py.SoftLink("/round")
    for name in ("linked", "again", "outside", "virtual"):
        with pytest.raises(FileFormatError, match="points to another file"):
            read(f"x.h5:{name}", process=process)
    with pytest.raises(FileFormatError, match="links go round"):
        read("x.h5:round", process=process)
    assert {name: one[2] for name, one in listed("x.h5", process).items()} == {
        "linked": True,
        "outside": True,
        "virtual": True,
    }
    os.mkdir("images")
    Image.new("L", (4, 4)).save("secret.png")
    os.symlink(folder / "secret.png", "images/a.png")
    with pytest.raises(FileFormatError, match=r"hold its images itself, and a\.png is no file in it"):
        read("images", process=process)


def test_names_in_an_archive_never_become_files(folder):
    with zipfile.ZipFile("x.npz", "w") as archive:
        for name in ("../escaped.npy", "/tmp/escaped.npy", "..\\escaped.npy"):
            held_bytes = io.BytesIO()
            np.save(held_bytes, X)
            archive.writestr(name, held_bytes.getvalue())
    np.testing.assert_array_equal(read("x.npz:../escaped").values, X)
    assert [path.name for path in folder.rglob("*")] == ["x.npz"]
    assert not os.path.exists("/tmp/escaped.npy")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "error", "says"),
    [
        ("missing.npy", UnreadableFileError, "there is none"),
        ("missing.h5:group/x", UnreadableFileError, "'missing.h5' must be a file or a folder"),
        ("", UnreadableFileError, "must be a file"),
        ("a\0b", UnreadableFileError, "must be a file"),
        ("x" * 5000, UnreadableFileError, "cannot be opened"),
        ("/dev/zero", UnreadableFileError, "a pipe or a device"),
        ("pipe.npy", UnreadableFileError, "a pipe or a device"),
        ("empty", FileFormatError, "must hold images"),
        ("letter.doc", FileFormatError, "must end in one of"),
        ("x.npy:a", UnknownNameError, "leave that out"),
        ("x.npz", UnknownNameError, "choose one, as in x.npz:NAME"),
        ("x.npz:nothing", UnknownNameError, "holds x, other"),
        ("number.npy", FileFormatError, "single number"),
        ("none.npy", FileFormatError, "empty"),
        ("cut.npy", FileFormatError, "cut short"),
        ("objects.npy", FileFormatError, "could run code"),
        ("complex.npy", FileFormatError, "real and imaginary part"),
        ("records.npy", FileFormatError, "holds records"),
        ("not.npz", FileFormatError, "numpy.savez"),
        ("ragged.csv", FileFormatError, "line 3 has 3"),
        ("header.csv", FileFormatError, "rows below its header"),
        ("empty.csv", FileFormatError, "it is empty"),
        ("utf16.csv", FileFormatError, "UTF-8"),
        ("comma.csv", FileFormatError, "decimal point, and column 'a' holds '-0,5'; save it again with points"),
        ("open.csv", FileFormatError, "table of UTF-8 text|close every quote"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_sentence(address, error, says, folder):
    write_all()
    os.mkfifo("pipe.npy")
    os.mkdir("empty")
    for name, array in {
        "number": np.array(3.0),
        "none": np.zeros((0, 3)),
        "objects": np.array([{}], dtype=object),
        "complex": X.astype(complex),
        "records": np.zeros(3, dtype="f4,i4"),
    }.items():
        np.save(f"{name}.npy", array, allow_pickle=True)
    (folder / "cut.npy").write_bytes((folder / "x.npy").read_bytes()[:-1])
    (folder / "letter.doc").write_text("Dear all")
    (folder / "not.npz").write_text("Dear all")
    (folder / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    (folder / "header.csv").write_text("a,b\n")
    (folder / "empty.csv").write_text("")
    (folder / "comma.csv").write_text("a;b\n-0,5;1,5\n0,25;2\n")
    (folder / "utf16.csv").write_text("a,b\n1,2\n", encoding="utf-16")
    (folder / "open.csv").write_text('a,"b\n' + "1,2\n" * 3000)
    with pytest.raises(error, match=says) as raised:
        read(address)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 500 or len(address) > 500
