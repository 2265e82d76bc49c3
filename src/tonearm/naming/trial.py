"""Finds by trying what a file system does with names: in a folder of ours, which is removed again."""

import contextlib
import os
import secrets
import shutil
import unicodedata
from collections.abc import Iterator

from tonearm.naming.name_rules import LONGEST_PATH, STRICTEST, LengthUnit, NameRules, RenameMethod
from tonearm.naming.safe_rename import UNSUPPORTED, rename_no_replace

TRIAL = b".tonearm-trying-"
"""What the names of these folders begin with."""
LONGEST_TRIED = 1024
_SIGNS = '\\:*?"<>|'
_RESERVED = ("CON", "PRN", "AUX", "NUL", "COM1", "LPT1")
_PAIRS = (("tonearm", "TONEARM"), ("\u00e9", "\u00c9"), ("\u03c3", "\u03a3"), ("stra\u00dfe", "STRASSE"))
_COMPOSED, _DECOMPOSED = "caf\u00e9", unicodedata.normalize("NFD", "caf\u00e9")


def trial_folder(folder: bytes) -> bytes:
    """A path for a folder in which something is tried."""
    return os.path.join(folder, TRIAL + secrets.token_hex(8).encode())


def tried(place: bytes) -> NameRules:
    """The rules of the file system in which ``place`` lies: a folder that is made and removed here.

    Where nothing can be written they are ``STRICTEST``. Raises OSError where the folder can't be removed.
    """
    try:
        os.mkdir(place)
    except OSError:
        return STRICTEST
    try:
        return _Trial(place).rules()
    except OSError:
        return STRICTEST
    finally:
        shutil.rmtree(place)


class _Trial:
    def __init__(self, place: bytes) -> None:
        self._place = place

    def rules(self) -> NameRules:
        """Try everything. Raises OSError where not even a plain file can be made."""
        with self._file(b"plain"):
            pass
        longest, unit = self._longest()
        stored_form = self._stored_form()
        return NameRules(
            folds_case=any(self._is_one(one, other) for one, other in _PAIRS),
            folds_form=self._is_one(_COMPOSED, _DECOMPOSED),
            stored_form=stored_form,
            longest=longest,
            unit=unit,
            longest_path=self._longest_path(),
            refused=frozenset(sign for sign in _SIGNS if not self._keeps(f"a{sign}b".encode())),
            refuses_end=not (self._keeps(b"a.") and self._keeps(b"a ")),
            refused_names=frozenset(name for name in _RESERVED if not self._keeps(name.encode() + b".txt")),
            any_bytes=self._keeps(b"a\xff\xfeb"),
            hard_links=self._links(),
            method=self._method(),
        )

    def _path(self, name: bytes) -> bytes:
        return os.path.join(self._place, name)

    @contextlib.contextmanager
    def _file(self, name: bytes) -> Iterator[None]:
        """A file of this name, for the length of the block. Raises OSError."""
        path = self._path(name)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)

    def _can_be(self, name: bytes) -> bool:
        try:
            with self._file(name):
                return True
        except (OSError, ValueError):
            return False

    def _keeps(self, name: bytes) -> bool:
        """Whether a file can have a name, and has exactly this one then."""
        try:
            with self._file(name):
                return name in os.listdir(self._place)
        except OSError:
            return False
        finally:
            for left in os.listdir(self._place):  # one whose name was changed
                with contextlib.suppress(OSError):
                    os.unlink(self._path(left))

    def _is_one(self, one: str, other: str) -> bool:
        try:
            with self._file(one.encode()):
                return os.path.lexists(self._path(other.encode()))
        except OSError:
            return True

    def _stored_form(self) -> str | None:
        kept = [
            form for form, name in (("NFC", _COMPOSED), ("NFD", _DECOMPOSED)) if self._keeps(name.encode())
        ]
        return kept[0] if len(kept) == 1 else None

    def _longest(self) -> tuple[int, LengthUnit]:
        low, high = 1, LONGEST_TRIED + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._can_be(b"n" * middle) else (low, middle)
        if not self._can_be(("\u00e9" * low).encode()):
            return low, LengthUnit.BYTES
        wide = self._can_be(("\U0001d11e" * low).encode())
        return low, LengthUnit.CHARACTERS if wide else LengthUnit.UTF16

    def _longest_path(self) -> int:
        try:
            return os.pathconf(self._place, "PC_PATH_MAX") - 1
        except (OSError, ValueError):
            return LONGEST_PATH

    def _links(self) -> bool:
        with self._file(b"one"):
            try:
                os.link(self._path(b"one"), self._path(b"two"))
            except OSError:
                return False
            os.unlink(self._path(b"two"))
            return True

    def _method(self) -> RenameMethod:
        """How a file is renamed without overwriting; a flag that is taken and not obeyed counts as none.

        A free name is tried first: that a name is taken the kernel may say by itself, and not ask the file system.
        """
        folder = os.open(self._place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with self._file(b"old"), self._file(b"taken"), self._removed(b"free"):
                try:
                    rename_no_replace(folder, b"old", folder, b"free")
                except OSError as error:
                    known = error.errno not in UNSUPPORTED
                    return RenameMethod.LINK if not known and self._links() else RenameMethod.NONE
                try:
                    rename_no_replace(folder, b"free", folder, b"taken")
                except FileExistsError:
                    return RenameMethod.NO_REPLACE
                return RenameMethod.NONE
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def _removed(self, name: bytes) -> Iterator[None]:
        """Remove a file at the end of the block, if it is there."""
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                os.unlink(self._path(name))
