"""Kills the command at one of its system calls, or lists those at which a kill can leave something else on a disk.

The command is a copy of a process that has loaded it (``tests.forked``), and strace is there from its first call on.

A kill at a system call comes before the call does anything. So a kill at one that changes nothing on a disk leaves
what a kill at the next one that does leaves, and only those have to be tried, with the end of the process as the last.
What the program writes to memory between two calls reaches no disk, but for the index of SQLite's write-ahead log,
which the next start makes anew. ``fsync`` is among those that change nothing: it tells what the power leaves, and a
kill of the process leaves what was written before in any case.
"""

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import forked

Call = tuple[str, int]
"""A system call and which one of its kind it is."""

_KEEPING = """
access brk clock_nanosleep clone clone3 close connect epoll_ctl epoll_wait faccessat2 fadvise64 fcntl
fdatasync fgetxattr flistxattr flock fstat fstatfs fsync futex getcwd getdents64 getegid geteuid getgid
getpeername getpid getppid getpriority getrandom getsockname getsockopt gettid getuid kill lseek madvise mmap
mprotect mremap munmap newfstatat pipe2 poll prctl pread64 prlimit64 pselect6 read readlink recvfrom recvmsg
rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield sendmsg sendto set_robust_list
setsockopt shutdown sigaltstack socket socketpair statfs statx sysinfo tgkill uname vfork wait4 waitid
"""
KEEPING = frozenset(_KEEPING.split())
"""System calls that change nothing on a disk; one that is not named here is taken for one that does."""
_LINE = re.compile(r"(\w+)\(")
_TO_NO_FILE = re.compile(r"\w+\(\d+<(?:pipe:|socket:|UNIX|TCP|UDP|/dev/|anon_inode:)")
_MAKES = re.compile(r"O_CREAT|O_TRUNC|O_TMPFILE")
ENDED_S = 300


def changes(line: str) -> bool:
    """Whether a system call, as strace prints it, may change something on a disk."""
    found = _LINE.match(line)
    if found is None or found[1] in KEEPING:
        return False
    if found[1] in {"open", "openat"}:
        return _MAKES.search(line) is not None
    return not (found[1] in {"write", "writev"} and _TO_NO_FILE.match(line))


class Traced:
    """Calls the command with some arguments and an environment, again and again, each time under strace."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """``log``: where strace writes."""
        self._arguments = arguments
        self._environment = environment
        self._log = log

    def calls(self, begin: str, every: bool = False) -> list[Call]:
        """The system calls that change something, from the first one with ``begin`` in its line; or every one.

        The command must succeed.
        """
        status, said = self._traced("-y")
        assert status == 0, said
        counts: Counter[str] = Counter()
        found: list[Call] = []
        has_begun = False
        for line in self._log.read_text(errors="replace").splitlines():
            if call := _LINE.match(line):
                counts[call[1]] += 1
                has_begun = has_begun or begin in line
                if has_begun and (every or changes(line)):
                    found.append((call[1], counts[call[1]]))
        assert found[-1][0] == "exit_group", found[-1]
        return found

    def kill_at(self, call: Call) -> None:
        """Call it, and kill it at a system call."""
        name, number = call
        status, said = self._traced("-e", f"inject={name}:signal=KILL:when={number}", "-e", f"trace={name}")
        assert status == -signal.SIGKILL, said

    def _traced(self, *options: str) -> tuple[int, bytes]:
        """The exit status, and what it has written."""
        with forked.held(self._arguments, self._environment) as process:
            strace = subprocess.Popen(
                ["strace", *options, "-o", self._log, "-p", str(process.pid)], stderr=subprocess.PIPE
            )
            try:
                assert strace.stderr is not None
                said = strace.stderr.readline()
                assert b"attached" in said, said
                os.kill(process.pid, signal.SIGCONT)
                output = b"".join(process.communicate(timeout=ENDED_S))
            finally:
                strace.kill() if process.returncode is None else strace.wait()
                strace.communicate()
        return process.returncode, output
