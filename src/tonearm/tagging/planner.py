"""Plans what is written into the tags of many files: what each has now, and what it would get."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import FileIO
from typing import Any

from tonearm.library.proposal import Conflict, FileStamp, NewProposal, ProposalKind
from tonearm.library.proposals import Proposals
from tonearm.library.roots import Place
from tonearm.names import PathMap
from tonearm.naming.confidence import Cost, confidence, cost_rows, doubt_of, strangeness
from tonearm.naming.copying import READ
from tonearm.naming.destination import Destination
from tonearm.naming.disk import Refused, look, same_file
from tonearm.naming.name_rules import NameRules
from tonearm.tagging.albums import AlbumGains
from tonearm.tagging.fields import ALBUM, FIELDS, TEXTS, Family, Spelling
from tonearm.tagging.form import Form, Unwritable
from tonearm.tagging.former_values import former
from tonearm.tagging.forms import form_of
from tonearm.tagging.path_pattern import PathPattern
from tonearm.views.renamable import Renamable, RenamableFiles
from tonearm.views.track import Track


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written.

    results: names of ``FIELDS``. texts: what a person sets, by names of ``TEXTS``; an empty one removes the tag.
    pattern: what further texts are read from paths by. only_missing: those only where a file has no such tag.
    """

    results: Sequence[str] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    pattern: PathPattern | None = None
    only_missing: bool = False

    @property
    def described(self) -> str:
        """It as the batch keeps it."""
        pattern = [] if self.pattern is None else [self.pattern.source]
        return ", ".join([*self.results, *self.texts, *pattern])


@dataclass(slots=True)
class Plan:
    """What was planned: numbers.

    unchanged: files whose tags say it already. unknown: without any of the results, and with a path that is not as the
    pattern says.
    """

    batch: int
    files: int = 0
    unchanged: int = 0
    unknown: int = 0
    conflicted: int = 0
    interrupted: bool = False


class TagPlanner:
    """Plans one batch. Paths ending in ``here`` are those of this host."""

    def __init__(
        self,
        files: RenamableFiles,
        proposals: Proposals,
        destination: Destination,
        paths: PathMap,
        spelling: Spelling,
        albums: AlbumGains,
        stopping: Callable[[], bool],
    ) -> None:
        self._files = files
        self._proposals = proposals
        self._destination = destination
        self._paths = paths
        self._spelling = spelling
        self._albums = albums
        self._stopping = stopping

    def plan(self, places: Sequence[Place], wanted: Wanted) -> Plan:
        """Write a batch of proposals for the files at or below some places. Raises StorageError."""
        plan = Plan(self._proposals.begin(wanted.described, None))
        for place in places:
            for page in self._files.each(place):
                if self._stopping():
                    plan.interrupted = True
                    return plan
                found = [made for each in page if (made := self._proposed(plan, each, wanted)) is not None]
                self._proposals.add(plan.batch, found)
                plan.files += len(found)
                plan.conflicted += sum(bool(each.conflicts) for each in found)
        self._proposals.complete(plan.batch)
        return plan

    def _proposed(self, plan: Plan, each: Renamable, wanted: Wanted) -> NewProposal | None:
        """The proposal for a file; ``None`` where nothing is to be changed."""
        track = each.track
        if ALBUM in wanted.results:
            track = replace(track, results={**track.results, **self._albums.of(each)})
        here = self._paths.here(track.path)
        read = {} if wanted.pattern is None else wanted.pattern.texts(track.path)
        if not (read or wanted.texts or any(_known(track, name, self._spelling) for name in wanted.results)):
            plan.unknown += 1
            return None
        costs = [cost for name in wanted.results if (cost := _doubt(name, track, self._spelling)) is not None]
        costs += [cost for name, text in read.items() if (cost := strangeness(name, text)) is not None]
        proposal = NewProposal(
            source=track.path,
            target=None,
            source_key=NameRules().key(track.path),
            target_key=None,
            identity=FileStamp(each.file.size, each.file.mtime_ns, each.file.inode),
            confidence=confidence(costs),
            file=each.file.id,
            kind=ProposalKind.TAGS,
            costs=cost_rows(costs),
        )
        try:
            self._check(proposal, look(here), os.path.dirname(here))
            if not proposal.conflicts:
                proposal.changes = self._changes(here, track, wanted, read)
                if not proposal.changes:
                    plan.unchanged += 1
                    return None
        except Unwritable as error:
            proposal.conflicts.append(Conflict(error.code, track.path))
        except OSError:
            proposal.conflicts.append(Conflict("io-error", track.path))
        return proposal

    def _check(self, proposal: NewProposal, status: os.stat_result | None, folder: bytes) -> None:
        add = proposal.conflicts.append
        try:
            proposal.identity = same_file(status, proposal.identity, proposal.source)
        except Refused as refused:
            add(Conflict(refused.code, refused.path))
        else:
            if status is not None and status.st_nlink > 1:
                add(Conflict("hard-linked", proposal.source))
        problem = self._destination.folder(folder).problem
        if problem is not None:
            add(Conflict(problem, self._paths.known(folder)))

    def _changes(
        self, here: bytes, track: Track, wanted: Wanted, read: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """What is to be changed in a file: field, name, and its texts before and after. Raises Unwritable, OSError.

        read: the texts that are read from its path.
        """
        with FileIO(os.open(here, READ)) as file:
            family, form = form_of(file, os.fstat(file.fileno()).st_size)
            found = [
                change
                for name in wanted.results
                for change in _of_field(name, family, form, track, self._spelling)
            ]
            found += _of_texts(wanted.texts, family, form)
            beside = {name: text for name, text in read.items() if name not in wanted.texts}
            found += [
                change
                for change in _of_texts(beside, family, form)
                if not (wanted.only_missing and change["before"])
            ]
            if found:
                form.splices({change["name"]: change["after"] for change in found})  # whether it can be done
            return found


def _known(track: Track, field: str, spelling: Spelling) -> bool:
    return any(
        made(track, spelling) is not None for names in FIELDS[field].names.values() for _, made in names
    )


def _doubt(field: str, track: Track, spelling: Spelling) -> Cost | None:
    certainty = FIELDS[field].certainty
    if certainty is None or not _known(track, field, spelling):
        return None
    return doubt_of(field, certainty, track.results.get(certainty))


def _of_field(
    field: str, family: Family, form: Form, track: Track, spelling: Spelling
) -> list[dict[str, Any]]:
    names = FIELDS[field].names[family]
    found = []
    for name, made in names:
        text = made(track, spelling)
        before = former(form, name)
        if text is not None and before["before"] != [text]:
            found.append({"field": field, "name": name, **before, "after": [text]})
    return found


def _of_texts(texts: Mapping[str, str], family: Family, form: Form) -> list[dict[str, Any]]:
    """What is changed so that a file has these texts. Raises Unwritable."""
    found = []
    for named, text in texts.items():
        name = TEXTS[named][family]
        if name is None:
            raise Unwritable("tag-form")
        before, after = former(form, name), [text] if text else []
        if before["before"] != after:
            found.append({"field": named, "name": name, **before, "after": after})
    return found
