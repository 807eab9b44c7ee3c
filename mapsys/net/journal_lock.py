"""The lock on a state folder: one process at a time, by its own word and the kernel's."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from mapsys.net.journal_files import JournalError

LOCK_NAME: Final = "lock"

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
"""What nobody but the owner of the folder may do in it."""


class FolderLock:
    """Held from construction to :meth:`release`, or to the end of the process.

    Makes the folder (mode 0700) where it is missing, and closes one that is open to
    others. Raises JournalError where it cannot be made, closed or written, or is in use
    by another process.

    was_open: the mode that an existing folder had, where that had to be mended; else None.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            mode = stat.S_IMODE(folder.stat().st_mode)
            self.was_open = mode if mode & OTHERS else None
            if mode & OTHERS:
                # What it holds tells who is where, and lets replays through if written to.
                folder.chmod(mode & ~OTHERS)
            self._file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritable(folder, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "?"
            os.close(self._file)
            raise JournalError(
                f"the state folder {folder} is already used by process {holder};"
                " end that process, or choose another folder"
            ) from error
        except OSError as error:
            os.close(self._file)
            raise _unwritable(folder, error) from error

    def release(self) -> None:
        """Let another process have the folder."""
        os.close(self._file)


def _unwritable(folder: Path, error: OSError) -> JournalError:
    return JournalError(
        f"the state folder {folder} cannot be written: {error.strerror};"
        " make it writable, or choose another one"
    )
