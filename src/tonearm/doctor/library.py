"""What the library holds: the revision of its tables, and results that are older than the analysers."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.library.database import REVISION


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


def results(engines: Mapping[str, int], current: str) -> Iterator[Diagnosis]:
    """Results by analyser and version.

    engines: number of files by the analysers that ran, as ``files.engine`` names them. current: those of now.
    """
    wanted = _versions(current)
    stale: Counter[tuple[str, str]] = Counter()
    files = 0
    for engine, count in engines.items():
        had = _versions(engine)
        older = {(name, had.get(name, "")) for name, version in wanted.items() if had.get(name) != version}
        stale.update(dict.fromkeys(older, count))
        files += count if older else 0
    total = sum(engines.values())
    if not files:
        yield Diagnosis("library.results", "results", f"of {total:,} files, all by the present analysers")
        return
    told = ", ".join(
        f"{name} {version or 'missing'} instead of {wanted[name]} ({count:,})"
        for (name, version), count in sorted(stale.items())
    )
    yield Diagnosis(
        "library.stale",
        "results",
        f"{files:,} of {total:,} files have results that are missing or of other versions of the analysers: {told}",
        "`tonearm analyze FOLDER` brings them up to date",
    )


def _versions(engine: str) -> dict[str, str]:
    """``tempo:2 key:2`` as a mapping."""
    return dict(part.partition(":")[::2] for part in engine.split())
