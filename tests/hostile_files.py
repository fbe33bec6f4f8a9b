"""Files that are damaged, or made to do harm: seeds in every format, and mutations of their bytes.

The same number gives the same file. A mutation cuts, flips, overwrites, repeats, drops or splices bytes, or writes a
number at the edge of what 1, 2, 4 or 8 bytes hold, where headers keep their sizes.
"""

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import scipy.io
from PIL import Image

EDGES = [0, 1, 2, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1]

WRONG_DTYPES = ["c16", "U3", "S4", "V8", "M8[s]", "m8[ns]", "f2", ">f8", ">i2", "?", "i1", "u8", "f4,i4", "f16"]


@dataclass(frozen=True)
class Seed:
    """A whole file, and what to read of it."""

    data: bytes
    member: str = ""


class RunsACommand:
    """An object whose pickle makes a file called ``marker`` when it is loaded."""

    def __reduce__(self):
        return os.system, ("touch marker",)


def numbers(rows: int = 12, columns: int = 3) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(rows, columns))


def in_bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    held = io.BytesIO()
    write(held)
    return held.getvalue()


def npy_seeds() -> list[Seed]:
    arrays = [numbers(), np.asfortranarray(numbers()), numbers().astype(np.float32)[:, 0], np.array(["a", "bc"])]
    arrays += [np.zeros(4, dtype) for dtype in WRONG_DTYPES]
    arrays += [np.array([RunsACommand()], dtype=object), np.array([{"a": 1}, None], dtype=object)]
    seeds = [Seed(in_bytes(lambda file, array=array: np.save(file, array, allow_pickle=True))) for array in arrays]
    heads = [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 3), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 9223372036854775807), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True, True), }",
        "{'descr': '<V2147483647', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': [('a', '<f8', (1000000000,))], 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1, " * 60 + "), }",
        "{'descr': " + "(" * 3000 + ")" * 3000 + "}",
        "-" * 9000 + "1",
        "__import__('os').system('touch marker')",
    ]
    return seeds + [
        Seed(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + b"\0" * 64) for head in heads
    ]


def npz_seeds() -> list[Seed]:
    kept = {"x": numbers(), "labels": np.array(["a", "b"]), "f": np.asfortranarray(numbers())}
    seeds = [Seed(in_bytes(lambda file: np.savez(file, **kept)), "x")]
    seeds += [Seed(in_bytes(lambda file: np.savez_compressed(file, **kept)), name) for name in kept]
    seeds.append(Seed(in_bytes(lambda file: np.savez(file, x=np.array([RunsACommand()], dtype=object))), "x"))
    for name in ("../../escaped", "/tmp/escaped", "..\\escaped", "C:\\escaped", "a/../../b", "x\0y"):
        seeds.append(Seed(zipped({f"{name}.npy": npy_seeds()[0].data}), name))
    for head in npy_seeds()[-11:]:
        seeds.append(Seed(zipped({"x.npy": head.data}), "x"))
    return seeds


def zipped(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return held.getvalue()


def csv_seeds() -> list[Seed]:
    rows = "\n".join(",".join(f"{value:.3f}" for value in row) for row in numbers())
    return [
        Seed(f"a,b,c\n{rows}\n".encode()),
        Seed(f"a,b,c\n{rows}\n".encode(), "c,a"),
        Seed(rows.replace(",", ";").encode()),
        Seed(b"t,act\n0,walk\n1,run\n2,walk\n", "act"),
        Seed(b"t,act\n0,walk\n1,run\n2,walk\n"),
        Seed(b'"a","b"\n"1","2"\n"3",\n'),
        Seed(f"a b c\n{rows.replace(',', '  ')}".encode("utf-16")),
        Seed(b'a,"b\n' + b"1,2\n" * 3000),
        Seed(b",".join([b"1"] * 3000) + b"\n" + b"1,2\n"),
        Seed(b"1e999,nan,-inf\n1_0,0x1f,1e-999\n"),
        Seed(b"\x00\x00\xff\xfe" * 64),
        Seed(b"\xef\xbb\xbfa,b\r1,2\r3,4\r"),
        Seed(npy_seeds()[0].data),
    ]


def hdf5_seeds() -> list[Seed]:
    def written(fill: Callable[[h5py.File], object], **options: object) -> bytes:
        held = io.BytesIO()
        with h5py.File(held, "w", **options) as file:
            fill(file)
        return held.getvalue()

    def plain(file: h5py.File) -> None:
        file["g/x"] = numbers()
        file["labels"] = np.array(["a", "b"], dtype=object)

    def chunked(file: h5py.File) -> None:
        file.create_dataset("x", data=numbers(), chunks=(5, 3), compression="gzip", shuffle=True, fletcher32=True)

    def lzf(file: h5py.File) -> None:
        file.create_dataset("x", data=numbers(), chunks=(5, 2), compression="lzf", maxshape=(None, None))

    def sparse(file: h5py.File) -> None:
        file.create_dataset("x", shape=(10**12, 1000), chunks=(10, 10), dtype="f8", compression="gzip")

    def linked(file: h5py.File) -> None:
        file["x"] = h5py.ExternalLink("/etc/passwd", "x")

    def external(file: h5py.File) -> None:
        file.create_dataset("x", shape=(8,), dtype="u1", external=[("/etc/passwd", 0, 8)])

    def virtual(file: h5py.File) -> None:
        layout = h5py.VirtualLayout(shape=(8,), dtype="u1")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(8,))
        file.create_virtual_dataset("x", layout)

    def odd(file: h5py.File) -> None:
        file["x"] = np.array([(1, 2.0)], dtype="i4,f8")
        file["v"] = [np.arange(3), np.arange(2)] and np.zeros(3, dtype="c16")
        file["round"] = h5py.SoftLink("/round")

    return [
        Seed(written(plain), "g/x"),
        Seed(written(plain, libver="latest"), "g/x"),
        Seed(written(plain), "labels"),
        Seed(written(chunked), "x"),
        Seed(written(chunked, libver="latest"), "x"),
        Seed(written(lzf, libver="latest"), "x"),
        Seed(written(sparse), "x"),
        Seed(written(linked), "x"),
        Seed(written(external), "x"),
        Seed(written(virtual, libver="latest"), "x"),
        Seed(written(odd), "x"),
        Seed(written(odd), "round"),
    ]


def matlab_seeds() -> list[Seed]:
    held = {"x": numbers(), "s": {"a": numbers(), "word": "text"}, "c": np.array([numbers(), "b"], dtype=object)}
    seeds = []
    for compressed in (False, True):
        data = in_bytes(lambda file, packed=compressed: scipy.io.savemat(file, held, do_compression=packed))
        seeds += [Seed(data, "x"), Seed(data, "s/a"), Seed(data, "c/0"), Seed(data)]
    seeds.append(Seed(in_bytes(lambda file: scipy.io.savemat(file, {"x": numbers()}, format="4")), "x"))
    seeds.append(Seed(in_bytes(lambda file: scipy.io.savemat(file, {"x": numbers().astype(complex)})), "x"))
    seeds.append(Seed(b"MATLAB 7.3".ljust(512) + hdf5_seeds()[0].data, "g/x"))
    return seeds


def parquet_seeds() -> list[Seed]:
    columns = {
        "a": numbers()[:, 0],
        "b": pa.array([1, None] * 6),
        "t": pa.array(["u", "v"] * 6),
        "d": pa.array(["u", "v"] * 6).dictionary_encode(),
        "when": np.arange(12).astype("M8[us]"),
        "inside": pa.array([[1.0, 2.0]] * 12),
    }
    table = pa.table(columns)
    seeds = []
    for packed in ("NONE", "snappy", "gzip", "zstd"):
        data = in_bytes(lambda file, packed=packed: pa.parquet.write_table(table, file, compression=packed))
        seeds += [Seed(data, "a,b"), Seed(data, "t"), Seed(data, "when"), Seed(data, "d"), Seed(data)]
    return seeds


def image_seeds() -> list[Seed]:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3)).astype(np.uint8)
    seeds = []
    for kind in ("PNG", "JPEG", "BMP", "TIFF"):
        for image in (Image.fromarray(pixels), Image.fromarray(pixels[:, :, 0])):
            seeds.append(Seed(in_bytes(lambda file, image=image, kind=kind: image.save(file, format=kind))))
    palette = Image.fromarray(pixels).convert("P")
    seeds.append(Seed(in_bytes(lambda file: palette.save(file, format="PNG"))))
    seeds.append(Seed(in_bytes(lambda file: Image.new("I", (9, 9)).save(file, format="TIFF"))))
    seeds.append(Seed(in_bytes(lambda file: Image.new("1", (17000, 17000)).save(file, format="PNG"))))
    return seeds


SEEDS: dict[str, Callable[[], list[Seed]]] = {
    "npy": npy_seeds,
    "npz": npz_seeds,
    "csv": csv_seeds,
    "h5": hdf5_seeds,
    "mat": matlab_seeds,
    "parquet": parquet_seeds,
    "png": image_seeds,
}


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return ``data`` with a little damage."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if not found:
            break
        place = _place(len(found), rng)
        kind = rng.integers(0, 8)
        if kind == 0:
            del found[place:]
        elif kind == 1:
            found[place] ^= 1 << int(rng.integers(0, 8))
        elif kind == 2:
            found[place] = int(rng.integers(0, 256))
        elif kind in (3, 4):
            width = int(rng.choice([1, 2, 4, 8]))
            number = EDGES[int(rng.integers(0, len(EDGES)))] % 256**width
            found[place : place + width] = number.to_bytes(width, "little" if rng.random() < 0.8 else "big")
        elif kind == 5:
            length = int(rng.integers(1, 64))
            found[place:place] = found[place : place + length]
        elif kind == 6:
            del found[place : place + int(rng.integers(1, 64))]
        else:
            other = _place(len(found), rng)
            length = int(rng.integers(1, 64))
            found[place : place + length] = found[other : other + length]
    return bytes(found)


def _place(length: int, rng: np.random.Generator) -> int:
    """Draw a place, half of the time near either end, where headers and directories stand."""
    if rng.random() < 0.5:
        near = min(int(rng.integers(0, min(length, 512))), length - 1)
        return near if rng.random() < 0.6 else length - 1 - near
    return int(rng.integers(0, length))


def hostile(ending: str, count: int, folder: Path) -> Iterator[tuple[Path, str]]:
    """Write hostile files one after another, the seeds first; yield each one's path and what to read of it."""
    seeds = SEEDS[ending]()
    rng = np.random.default_rng(len(ending) + 7)
    inside = folder / "images"
    path = folder / f"file.{ending}"
    if ending == "png":
        inside.mkdir()
        path = inside / "1.png"
    for number in range(count):
        seed = seeds[number % len(seeds)]
        path.write_bytes(seed.data if number < len(seeds) else mutated(seed.data, rng))
        yield (inside if ending == "png" else path), seed.member
