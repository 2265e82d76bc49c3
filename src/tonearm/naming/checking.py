"""Compares proposals with the disk: what is at the old path, and the folder that the file comes to."""

import os
from dataclasses import dataclass

from tonearm.library.mount_table import MountTable
from tonearm.library.proposal import Conflict, NewProposal
from tonearm.names import PathMap
from tonearm.naming.companions import Companions
from tonearm.naming.destination import Destination, FolderState
from tonearm.naming.disk import Refused, same_file
from tonearm.naming.name_rules import NameRules, RenameMethod
from tonearm.naming.proposing import OTHER_FILE_SYSTEM, OTHER_MOUNT, warning


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that files are in or come to: its path in the library and on this host, and what is known of it.

    prefix, prefix_here: what the paths of what is in it begin with.
    """

    path: bytes
    here: bytes
    prefix: bytes
    prefix_here: bytes
    state: FolderState
    rules: NameRules
    mount: bytes


class Checker:
    """Compares with the disk; looks at each folder once."""

    def __init__(self, destination: Destination, companions: Companions, paths: PathMap) -> None:
        self._destination = destination
        self._companions = companions
        self._paths = paths
        self._mounts = MountTable()
        self._folders: dict[bytes, Folder] = {}
        self.new_folders: dict[bytes, bytes] = {}
        """Folders that have to be made, by the key of their path."""

    def folder(self, path: bytes) -> Folder:
        """What is known of a folder, by its path in the library. Raises OSError."""
        found = self._folders.get(path)
        if found is None:
            here = self._paths.here(path)
            state, rules = self._destination.folder(here), self._destination.rules(here)
            inside, inside_here = os.path.join(path, b""), os.path.join(here, b"")
            mount = self._mounts.mount_of(inside_here)
            found = self._folders[path] = Folder(path, here, inside, inside_here, state, rules, mount)
        return found

    def below(self, above: Folder, parts: list[bytes]) -> Folder:
        """A folder below another one, by the name that it has where it is there. Raises OSError."""
        if not parts:
            return above
        here = self._destination.spelled(os.path.join(above.here, *parts), above.here, above.rules)
        return self.folder(self._paths.known(here))

    def check(
        self,
        proposal: NewProposal,
        status: os.stat_result | None,
        name: bytes,
        old: Folder,
        new: Folder | None,
    ) -> None:
        """Add conflicts and warnings to a proposal for ``name`` in ``old``, which comes to ``new``."""
        add = proposal.conflicts.append
        try:
            proposal.identity = same_file(status, proposal.identity, proposal.source)
        except Refused as refused:
            add(Conflict(refused.code, refused.path))
        if proposal.target is None or new is None:
            return
        if new.state.problem is not None:
            add(Conflict(new.state.problem, new.path))
        if not new.state.exists:
            self.new_folders[new.rules.key(new.path)] = new.path
        if len(proposal.target) - len(new.path) + len(new.here) > new.rules.longest_path:
            add(Conflict("path-too-long", proposal.target))
        if new.rules.writable and new.rules.method is RenameMethod.NONE:
            add(Conflict("no-safe-rename", new.path))
        if status is not None:
            self._warn(proposal, status, name, old, new)

    def _warn(
        self, proposal: NewProposal, status: os.stat_result, name: bytes, old: Folder, new: Folder
    ) -> None:
        if old.state.problem is not None:
            proposal.conflicts.append(Conflict(old.state.problem, old.path))
        if status.st_nlink > 1:
            proposal.warnings.append(warning("hard-linked", f"{status.st_nlink} names"))
            if new.rules.method is RenameMethod.LINK:
                proposal.conflicts.append(Conflict("hard-linked", proposal.source))
        if status.st_dev != new.state.device:
            proposal.warnings.append(warning(OTHER_FILE_SYSTEM, "it is copied, and compared"))
        elif old.mount != new.mount:  # the kernel renames within one mount only
            proposal.warnings.append(warning(OTHER_MOUNT, "it is copied, and compared"))
        if name in self._companions.listing(old.here).in_cue_sheets:
            proposal.warnings.append(warning("named-in-cue-sheet"))
