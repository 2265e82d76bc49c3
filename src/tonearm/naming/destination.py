"""What is known of the folders that files are to come to: their file systems, and what is there already."""

import os
import secrets
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass

from tonearm.library.proposal import FileStamp
from tonearm.library.rename_journal import Group, RenameJournal, Step, StepKind
from tonearm.names import PathMap
from tonearm.naming.disk import look
from tonearm.naming.name_rules import NameRules
from tonearm.naming.trial import trial_folder, tried


@dataclass(frozen=True, slots=True)
class FolderState:
    """A folder that files are to come to, or would be after it is made.

    device: of the nearest folder above it that is there. exists: whether it is there itself. problem: the code of what
    keeps files from being put there, if anything.
    """

    device: int
    exists: bool
    problem: str | None = None


def trier() -> bytes:
    """Who tries: this host and this process."""
    return f"{socket.gethostname()}:{os.getpid()}".encode()


class Destination:
    """Looks at folders once each, and tries each file system once, or in each folder where nothing can be written."""

    def __init__(self, journal: RenameJournal, paths: PathMap) -> None:
        self._journal = journal
        self._paths = paths
        self._rules: dict[int, NameRules] = {}
        self._not_writable: dict[bytes, NameRules] = {}
        self._folders: dict[bytes, FolderState] = {}
        self._spelled: dict[bytes, bytes] = {}

    def folder(self, folder: bytes) -> FolderState:
        """The state of a folder. Raises OSError where nothing above it can be read."""
        found = self._folders.get(folder)
        if found is None:
            found = self._folders[folder] = self._looked_at(folder)
        return found

    def _looked_at(self, folder: bytes) -> FolderState:
        status = look(folder)
        if status is None:
            above = self.folder(os.path.dirname(folder))
            return FolderState(above.device, False, above.problem)
        if stat.S_ISLNK(status.st_mode) or not stat.S_ISDIR(status.st_mode):
            return FolderState(status.st_dev, False, "parent-not-folder")
        problem = None if os.access(folder, os.W_OK | os.X_OK) else "not-permitted"
        return FolderState(status.st_dev, True, problem)

    def rules(self, folder: bytes) -> NameRules:
        """What the file system of a folder does with names; tried in the nearest folder that is there."""
        device = self.folder(folder).device
        if device in self._rules:
            return self._rules[device]
        nearest = self._nearest(folder)
        found = self._not_writable.get(nearest)
        if found is None:
            found = self._try(nearest)
            if found.writable:
                self._rules[device] = found
            else:  # another folder of this device may do
                self._not_writable[nearest] = found
        return found

    def _nearest(self, folder: bytes) -> bytes:
        while not self.folder(folder).exists and folder != b"/":
            folder = os.path.dirname(folder)
        return folder

    def _try(self, folder: bytes) -> NameRules:
        """Try what the file system does; the folder for it is in the journal, so that a kill leaves nothing."""
        place = trial_folder(folder)
        step = Step(StepKind.TRY, trier(), self._paths.known(place), FileStamp(0, 0, 0))
        group = Group(secrets.randbits(62), [step])
        self._journal.intend(group)
        rules = tried(place)
        self._journal.settle(group, [0], [])
        return rules

    def spelled(self, folder: bytes, above: bytes, rules: NameRules) -> bytes:
        """A folder by the name that it has, where its file system takes several names for one.

        ``above``: the folder up to which it is as it is.
        """
        if not (rules.folds_case or rules.folds_form) or folder == above:
            return folder
        key = rules.folded(folder)
        found = self._spelled.get(key)
        if found is None:
            parent, name = os.path.split(folder)
            parent = self.spelled(parent, above, rules)
            found = self._spelled[key] = os.path.join(parent, _spelling(parent, name, rules.folded))
        return found


def _spelling(parent: bytes, name: bytes, folded: Callable[[bytes], bytes]) -> bytes:
    try:
        names = os.listdir(parent)
    except OSError:
        return name
    if name in names:
        return name
    return next((each for each in names if folded(each) == folded(name)), name)
