"""Files that may hold a table: opened, unpacked if compressed, and refused if they are something else."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path

from ..core.errors import InputError

_HEAD = 2000
"""Bytes from the beginning of a file that tell what it is."""

_PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}
"""Compressed files by how they begin, and the module that unpacks them."""
_OTHER = {
    b"PK\x03\x04": "an archive or a spreadsheet; unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet; save the sheet as CSV",
    b"%PDF": "a PDF; download the table itself",
    b"{": "JSON; save the table as CSV",
    b"[": "JSON; save the table as CSV",
}
"""What files are that hold no table for us, by how they begin."""


@dataclass(frozen=True)
class Source:
    """A file: its path, how its content begins, and the module that unpacks it if it is compressed."""

    path: Path
    head: bytes
    packed: str | None = None

    @property
    def endings(self) -> str:
        """The last two endings of its name, in lower case."""
        return "".join(self.path.suffixes[-2:]).lower()

    def content(self) -> bytes:
        """All bytes, unpacked."""
        if self.packed is None:
            return self.path.read_bytes()
        with import_module(self.packed).open(self.path) as stream:
            return bytes(stream.read())

    def stream(self) -> str | BytesIO:
        """What libraries open: the path, or the unpacked content."""
        return str(self.path) if self.packed is None else BytesIO(self.content())


def opened(path: Path, format: str | None, where: str = "") -> Source:
    """A file that is there and may hold a table; `where`: what it is, or where its path is written, in words.

    Raises
    ------
    InputError
        If there is no file, nothing in it, or something that is no table.
    """
    if path.suffix.lower() == ".toml" and path.is_file():
        raise InputError(f"{path}: this is a configuration, not a table; name the file of the clusters")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise InputError(f"{path}: is a pipe or a device; save the table to a file first")
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        packed = next((module for mark, module in _PACKED.items() if head.startswith(mark)), None)
        source = Source(path, head, packed)
        if packed is not None:
            source = Source(path, source.content()[:_HEAD], packed)
    except (EOFError, ValueError) as error:
        raise InputError(f"{path}: the file is truncated; get a complete copy") from error
    except OSError as error:
        reason = (error.strerror or "cannot be unpacked").lower()
        raise InputError(f"{path}: {reason}; check the path{where and f' {where}'}") from error
    begin = source.head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not begin:
        raise InputError(f"{path}: the file is empty; a table needs at least 2 rows")
    if begin.startswith((b"<!doctype html", b"<html")) and "html" not in (format or ""):
        raise InputError(f"{path}: this is a web page (HTML), not a table; download the table itself")
    for mark, what in _OTHER.items():
        if source.head.startswith(mark):
            raise InputError(f"{path}: this is {what}")
    return source
