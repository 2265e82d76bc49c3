"""The base exceptions of this program, and the table of faults of files with their messages."""

from dataclasses import dataclass
from enum import Enum


class TonearmError(Exception):
    """Base of the exceptions whose message is shown to a person as it is.

    Exceptions that never leave their package, such as an invalid message, derive from Exception.
    """


class ConfigurationError(TonearmError):
    """A setting or an argument that can't be used."""


class NotFound(TonearmError):
    """A file, run, job or worker that is not in the library."""


class LibraryInUse(TonearmError):
    """Another process holds the lock of the library: it analyses, renames files or writes tags."""


class ServiceUnavailable(TonearmError):
    """A service outside this process does not answer; the call can be repeated later."""


class CircuitOpen(ServiceUnavailable):
    """The call was refused, because too many recent calls of the service have failed."""


class ServiceRefused(ServiceUnavailable):
    """A service refused the credentials or the call; a person has to check its address and password."""


class StorageError(TonearmError):
    """The database can't be used right now."""


class StorageFull(StorageError):
    """No room on the disk."""


class StorageBusy(StorageError):
    """Another program has locked the database."""


class StorageUnavailable(StorageError, ServiceUnavailable):
    """The database server does not answer; the call can be repeated later."""


class StorageUnusable(StorageError):
    """The database can't be opened or read."""


class BehindPooler(StorageUnusable):
    """A connection pooler such as PgBouncer is between this program and PostgreSQL."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address}: a connection pooler such as PgBouncer is in between, which shares sessions among clients; "
            "name PostgreSQL itself in database_url: connections are pooled by this program already"
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt at a file failed, as it is stored and shown.

    max_attempts: number of charged attempts after which the file is quarantined; 1 if another attempt can't succeed.
    """

    code: str
    reason: str
    advice: str
    max_attempts: int = 1


@dataclass(frozen=True, slots=True)
class Explanation:
    """The code and the texts of a fault.

    code: kebab-case, stable across versions; stored with results and used in filters.
    reason: one sentence; ``{}`` is replaced by details of the file.
    advice: what a person can do about it.
    transient: another attempt may succeed although the file has not changed.
    """

    code: str
    reason: str
    advice: str
    transient: bool = False


class Fault(Enum):
    """What can be wrong with a file, as its child finds out; ``jobs/failures.py`` has what the parent sees."""

    EMPTY_FILE = Explanation(
        "empty-file",
        "The file is empty (0 bytes).",
        "Copy it again from where it came from, or delete it.",
    )
    NOT_AUDIO = Explanation(
        "not-audio",
        "This is not a music file: its contents are not those of any known audio format.",
        "Check what it is; the ending of a name says nothing about the contents. "
        "A music file with such contents is damaged at its very beginning.",
    )
    UNSUPPORTED_FORMAT = Explanation(
        "unsupported-format",
        "The audio is coded as {}, which is not read here.",
        "Convert it to FLAC, or exclude it from the library.",
    )
    PROTECTED = Explanation(
        "protected",
        "Its audio is encrypted: it plays only in programs that have the key.",
        "Get it without copy protection, or exclude it from the library.",
    )
    NO_AUDIO_STREAM = Explanation(
        "no-audio-stream",
        "This {} file holds no sound.",
        "Exclude it from the library, or replace it by a file with sound.",
    )
    VIDEO = Explanation(
        "video",
        "This {} file holds moving pictures: it is a video, not music.",
        "Exclude it from the library. To analyse its sound, copy that into an audio file.",
    )
    DAMAGED_HEADER = Explanation(
        "damaged-header",
        "It begins as {} files do, but its header cannot be read: it is damaged, "
        "or was cut off before the audio begins.",
        "Copy or download it again.",
    )
    TOO_MANY_CHANNELS = Explanation(
        "too-many-channels",
        "Its header says {} channels; 1 to 64 are possible.",
        "The header is damaged or forged: replace the file.",
    )
    BAD_SAMPLE_RATE = Explanation(
        "bad-sample-rate",
        "Its header says {} samples a second; 1,000 to 768,000 are possible.",
        "The header is damaged or forged: replace the file.",
    )
    NO_SAMPLES = Explanation(
        "no-samples",
        "Not one sample of sound could be decoded{}.",
        "It was cut off before the audio begins, is damaged all through, or is protected: replace it.",
    )
    READ_ERROR = Explanation(
        "read-error",
        "Reading it failed: {}.",
        "Check the disk, the cable or the network share it lies on.",
        transient=True,
    )
    OUT_OF_MEMORY = Explanation(
        "out-of-memory",
        "Decoding it asked for more memory than a single file may use.",
        "The file is probably damaged or forged. If it plays elsewhere, raise the memory limit per file.",
    )

    @property
    def code(self) -> str:
        """The stable name of the fault."""
        return self.value.code

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        return self.value.advice

    @property
    def transient(self) -> bool:
        """Whether another attempt may succeed although the file has not changed."""
        return self.value.transient


class FileFault(TonearmError):
    """One file cannot be analysed; ``reason`` says why in a sentence, ``fault.advice`` what to do."""

    def __init__(self, fault: Fault, detail: str = "") -> None:
        super().__init__(fault, detail)
        self.fault = fault
        self.reason = fault.value.reason.format(detail)

    def __str__(self) -> str:
        return self.reason
