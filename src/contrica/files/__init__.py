"""Arrays from files and into files: npy, npz, csv, parquet, HDF5, MATLAB, folders of images.

No file can run code, write, take memory without bound, or end the program that reads it: what Python cannot read by
itself is read in a process apart.
"""

from contrica.files.apart import ReaderProcess
from contrica.files.arrays import ArrayInfo, FileArray
from contrica.files.reading import Contents, contents, read
from contrica.files.writing import ensure_writable, write_arrays, write_rows, write_text

__all__ = [
    "ArrayInfo",
    "Contents",
    "FileArray",
    "ReaderProcess",
    "contents",
    "ensure_writable",
    "read",
    "write_arrays",
    "write_rows",
    "write_text",
]
