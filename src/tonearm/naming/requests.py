"""From stored proposals to moves: of those that are approved, and back of those that were applied."""

from tonearm.library.proposal import Proposal, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.naming.name_rules import NameRules
from tonearm.naming.order import Move
from tonearm.naming.proposing import OTHER_FILE_SYSTEM, OTHER_MOUNT
from tonearm.views.renamable import RenamableFiles


def approved(proposals: Proposals, batch: int | None) -> list[Move]:
    """The moves that are approved, of one batch or of all, in the order of their numbers."""
    return [
        Move(
            proposal=each.id,
            source=each.source,
            target=each.target,
            source_key=each.source_key,
            target_key=each.target_key,
            identity=each.identity,
            file=each.file,
            along=each.along,
            follows=each.follows,
            crosses=_crosses(each),
        )
        for each in proposals.each(Selection(batch=batch, statuses=(ProposalStatus.APPROVED,)))
        if each.target is not None and each.target_key is not None
    ]


def undoing(proposals: Proposals, files: RenamableFiles, wanted: Selection) -> list[Move]:
    """The moves that give applied proposals their old names again, the latest first.

    A file that was renamed again since goes back from where it is now.
    """
    found = list(proposals.each(wanted))
    now_at = files.paths([each.file for each in found if each.file is not None])
    return [_back(each, now_at) for each in reversed(found)]


def of_file(proposals: Proposals, path: bytes) -> Selection | None:
    """The applied proposal that has given a file its present path; ``None`` where there is none."""
    found = [each.id for each in proposals.each(Selection(target=path, statuses=(ProposalStatus.APPLIED,)))]
    if not found:
        return None
    along = [
        each.id for each in proposals.each(Selection(follows=found[-1], statuses=(ProposalStatus.APPLIED,)))
    ]
    return Selection(ids=(found[-1], *along), statuses=(ProposalStatus.APPLIED,))


def _back(proposal: Proposal, now_at: dict[int, bytes]) -> Move:
    target, key = proposal.target, proposal.target_key
    assert target is not None  # noqa: S101  it was applied
    assert key is not None  # noqa: S101  it was applied
    source = now_at.get(proposal.file, target) if proposal.file is not None else target
    return Move(
        proposal=proposal.id,
        source=source,
        target=proposal.source,
        source_key=key if source == target else NameRules().key(source),
        target_key=proposal.source_key,
        identity=proposal.identity,
        file=proposal.file,
        along=proposal.along,
        is_undo=True,
        crosses=source == target and _crosses(proposal),
    )


def _crosses(proposal: Proposal) -> bool:
    return any(each["code"] in (OTHER_FILE_SYSTEM, OTHER_MOUNT) for each in proposal.warnings)
