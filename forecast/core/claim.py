"""One run at a time in an output folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError
from .files import prepare_output

try:
    import fcntl
except ImportError:  # pragma: no cover - there is none on Windows, where two runs are not told apart
    fcntl = None  # type: ignore[assignment]

_LOCK = ".massanchor-lock"


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Hold an output folder for as long as a command runs; a killed one lets go by itself.

    The folder is made, with those it is in, and taken away again if nothing was written there.

    Raises
    ------
    InputError
        If the folder cannot be written, or another run holds it.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    prepare_output(out)
    lock = out / _LOCK
    with lock.open("a+", encoding="utf-8") as handle:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                handle.seek(0)
                who = f" (process {number})" if (number := handle.read(20).strip()).isdigit() else ""
                raise InputError(
                    f"{out}: another run{who} is writing there; wait until it ends, or choose another --out"
                ) from error
            except OSError:  # a file system without locks: two runs are not told apart there
                pass
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                lock.unlink()
                for folder in made:
                    folder.rmdir()
