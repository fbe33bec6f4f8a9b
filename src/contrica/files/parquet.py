"""Parquet tables, read in batches by pyarrow in a process apart.

Numbers become float64, or stay float32 where all of them are; nulls become NaN; times become seconds since 1970. One
column of text is given out as integers with their categories.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from contrica.errors import FileFormatError
from contrica.files.arrays import ArrayInfo, Stream
from contrica.files.categories import Categories
from contrica.files.delimited import choose, text_among_numbers
from contrica.files.limits import BLOCK, MOST_ARRAYS, brief, refuse_unaccountable

THRIFT_LIMIT = 1 << 24
"""Bytes of a text, and entries of a list, in the metadata."""


def contents(path: Path) -> list[ArrayInfo]:
    """List the columns."""
    file = _opened(path)
    rows = file.metadata.num_rows
    return [ArrayInfo(field.name, (rows,), _holds(field.type)) for field in list(file.schema_arrow)[:MOST_ARRAYS]]


def open_array(path: Path, member: str) -> Stream:
    """Find columns by their names, as in `contrica.files.delimited`."""
    file = _opened(path)
    fields = list(file.schema_arrow)
    names = [field.name for field in fields]
    chosen = choose(names, member, path)
    kinds = [_holds(fields[number].type) for number in chosen]
    columns = tuple(names[number] for number in chosen)
    rows = file.metadata.num_rows
    stored = path.stat().st_size
    for column, kind in zip(columns, kinds, strict=True):
        if kind == "text" and len(chosen) == 1:
            refuse_unaccountable((rows,), np.dtype(np.int64), str(path), stored=stored)
            categories = Categories(f"{path}:{column}")
            return Stream(np.dtype(np.int64), (), _coded(file, column, categories), rows, columns, categories.texts)
        if kind == "text":
            raise text_among_numbers(path, names, column, "or categories")
        if kind not in ("numbers", "times"):
            raise text_among_numbers(path, names, column, f"or other values, of type {kind}")
    single = all(pa.types.is_float32(fields[number].type) for number in chosen)
    dtype = np.dtype(np.float32 if single else np.float64)
    shape = (len(chosen),) if len(chosen) > 1 or not member else ()
    refuse_unaccountable((rows, *shape), dtype, str(path), stored=stored)
    return Stream(dtype, shape, _numbers(file, columns, dtype, shape), rows, columns)


def _opened(path: Path) -> Any:
    file = pa.parquet.ParquetFile(path, thrift_string_size_limit=THRIFT_LIMIT, thrift_container_size_limit=THRIFT_LIMIT)
    names = file.schema_arrow.names
    if not names:
        raise FileFormatError(f"{path} must have columns, and it has none; save it again")
    if len(set(names)) < len(names):
        raise FileFormatError(f"{path} must have columns of different names, and two are alike; rename one")
    return file


def _holds(kind: Any) -> str:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return "numbers"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "times"
    if pa.types.is_dictionary(kind):
        return _holds(kind.value_type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    return brief(kind, 30)


def _batches(file: Any, columns: tuple[str, ...]) -> Iterator[Any]:
    rows = max(1, BLOCK // (8 * len(columns)))
    yield from file.iter_batches(batch_size=rows, columns=list(columns), use_threads=False)


def _numbers(
    file: Any, columns: tuple[str, ...], dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Iterator[npt.NDArray[Any]]:
    for batch in _batches(file, columns):
        values = np.empty((batch.num_rows, len(columns)), dtype)
        for number, column in enumerate(columns):
            values[:, number] = _floats(batch.column(column))
        yield values.reshape(-1, *shape)


def _floats(column: Any) -> npt.NDArray[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.dictionary_decode()
        kind = column.type
    if _holds(kind) == "times":
        micros = pa.compute.cast(column, pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
        return np.asarray(pa.compute.cast(micros, pa.int64()).to_numpy(zero_copy_only=False), np.float64) / 1e6
    if pa.types.is_boolean(kind):
        column = pa.compute.cast(column, pa.int8())
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _coded(file: Any, column: str, categories: Categories) -> Iterator[npt.NDArray[np.int64]]:
    for batch in _batches(file, (column,)):
        texts = batch.column(0)
        if pa.types.is_dictionary(texts.type):
            texts = texts.dictionary_decode()
        yield categories.codes("" if text is None else text for text in texts.to_pylist())
