"""What the library holds: the revision of its tables, and results that are older than the analysers."""

from collections.abc import Iterator

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.library.database import REVISION
from tonearm.views.stale import Coverage


def tables(revision: str | None, shared: bool) -> Iterator[Diagnosis]:
    """The revision of the tables, ``None`` where there are none, beside the one of this version."""
    if revision is None:
        yield Diagnosis(
            "library.empty", "tables", "none yet: the first command that uses the library makes them"
        )
    elif revision == REVISION:
        yield Diagnosis("library.tables", "tables", f"revision {revision}, the newest")
    elif revision > REVISION:
        yield Diagnosis(
            "library.newer",
            "tables",
            f"written by a newer Tonearm (revision {revision}, here {REVISION})",
            "upgrade Tonearm on this host to the version of the others",
        )
    elif shared:
        yield Diagnosis(
            "library.migrate",
            "tables",
            f"of an older Tonearm (revision {revision}, now {REVISION}): every command refuses them",
            "stop its workers, then run `tonearm migrate`",
        )
    else:
        yield Diagnosis(
            "library.older",
            "tables",
            f"of an older Tonearm (revision {revision}, now {REVISION})",
            "copy the folder if you may want to go back; the next command brings them to the newest revision",
        )


def results(found: Coverage) -> Iterator[Diagnosis]:
    """Results that are missing or of other versions, by analyser and version."""
    if not found.files:
        yield Diagnosis("library.results", "results", "all by the present analysers")
        return
    detail = ", ".join(
        f"{each.analyser} {each.found or 'missing'} instead of {each.version or 'none'} ({each.files:,})"
        for each in found.results
    )
    files = "1 file has" if found.files == 1 else f"{found.files:,} files have"
    yield Diagnosis(
        "library.stale",
        "results",
        f"{files} results that are missing or of other versions of the analysers: {detail}",
        "`tonearm analyze --stale` brings them up to date",
    )
