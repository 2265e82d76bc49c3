"""A file that takes over its decoder can open nothing, connect to nothing and leave no process behind."""

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.program import alive, until
from tonearm.worker import sandbox

linux = pytest.mark.skipif(sys.platform != "linux", reason="seccomp and prctl are Linux's")

SEALED = """
import os, sys
from tonearm.worker.limits import die_with_parent
from tonearm.worker.sandbox import seal
die_with_parent(os.getppid())
import ctypes, errno, fcntl, mmap, resource, signal, socket, subprocess, threading
library = ctypes.CDLL(None, use_errno=True)
file = open(sys.argv[1], "rb")
link, other = socket.socketpair()
assert seal() is None, seal()

def call(name, *arguments):
    if getattr(library, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

def told(action):
    try:
        action()
    except OSError as error:
        print(errno.errorcode[error.errno])
    except Exception as error:
        print(type(error).__name__, error)
    else:
        print("done")
"""


def sealed(code: str, path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", SEALED + code, str(path)], capture_output=True, text=True, timeout=60
    )


@linux
@pytest.mark.parametrize(
    "action",
    [
        "open(sys.argv[1])",
        "open('/proc/self/mem', 'rb')",
        "os.open('/tmp', os.O_RDONLY)",
        "open(sys.argv[1] + '.new', 'w')",
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.kill(os.getppid(), 0)",
        "os.kill(os.getpid(), signal.SIGUSR1)",
        "call('sigqueue', os.getppid(), 0, None)",
        "fcntl.fcntl(link, fcntl.F_SETOWN, os.getppid())",
        "fcntl.ioctl(link, 0x8901, os.getppid().to_bytes(4, sys.byteorder))",  # FIOSETOWN
        "resource.prlimit(os.getppid(), resource.RLIMIT_CPU)",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
        "os.sched_setaffinity(os.getppid(), os.sched_getaffinity(0))",
        "call('shmget', 1, 1, 0)",
        "os.unlink(sys.argv[1])",
        "os.rename(sys.argv[1], sys.argv[1] + '.moved')",
        "os.mkdir(sys.argv[1] + '.folder')",
        "os.symlink('a', sys.argv[1] + '.link')",
        "os.chmod(sys.argv[1], 0o777)",
        "call('syscall', 452, -100, sys.argv[1].encode(), 0o777, 0)",  # fchmodat2 of AT_FDCWD
        "call('utimes', sys.argv[1].encode(), None)",
        "os.setxattr(file.fileno(), 'user.a', b'')",
        "os.setxattr(sys.argv[1], 'user.a', b'', follow_symlinks=False)",
        "os.removexattr(sys.argv[1], 'user.a')",
        "os.truncate(sys.argv[1], 0)",
        "os.memfd_create('x')",
        "os.pidfd_open(os.getppid())",
    ],
)
def test_what_decoding_does_not_need_is_denied(action: str, tmp_path: Path) -> None:
    path = tmp_path / "song"
    path.write_bytes(b"la la la")
    outcome = sealed(f"told(lambda: {action})", path)
    assert outcome.stdout == "EPERM\n", outcome.stderr
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"la la la"


@linux
def test_what_decoding_needs_still_works(tmp_path: Path) -> None:
    (tmp_path / "song").write_bytes(b"la la la")
    code = """
told(lambda: print(file.read(), os.fstat(file.fileno()).st_size, file.seek(0)))
told(lambda: (link.sendall(b"hello"), print(other.recv(5))))
told(lambda: mmap.mmap(-1, 50_000_000))
told(lambda: bytearray(50_000_000))
told(lambda: print(len(os.urandom(4))))
told(lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)))
"""
    outcome = sealed(code, tmp_path / "song")
    said = ["b'la la la' 8 0", "done", "b'hello'", "done", "done", "done", "4", "done", "done"]
    assert outcome.stdout.splitlines() == said, outcome.stderr
    assert outcome.returncode == 0


@linux
def test_an_abort_still_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "song").write_bytes(b"")
    began = time.monotonic()
    outcome = sealed("sys.stdout.flush()\nos.abort()", tmp_path / "song")
    assert outcome.returncode == -signal.SIGABRT
    assert time.monotonic() - began < 50


@linux
def test_a_seal_cannot_be_broken_by_another_word_size(tmp_path: Path) -> None:
    (tmp_path / "song").write_bytes(b"")
    number = 0x40000000 + 41  # socket(2) in the x32 numbering
    code = f"""
print(library.syscall({number}, 1, 1, 0), errno.errorcode[ctypes.get_errno()])
"""
    if os.uname().machine != "x86_64":
        pytest.skip("x32 is a mode of x86-64")
    assert sealed(code, tmp_path / "song").stdout == "-1 EPERM\n"


def test_where_nothing_can_be_denied_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    assert sandbox.seal() == "system calls are not known for pdp11"
    monkeypatch.setattr(sys, "platform", "plan9")
    said = sandbox.seal()
    assert said is not None
    assert "plan9 has no seccomp" in said


def confined(memory_mb: int, code: str) -> "subprocess.CompletedProcess[str]":
    program = f"""
import os, resource, time
from tonearm.worker.limits import allow_cpu, confine
confine({memory_mb})
{code}
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


@linux
def test_memory_beyond_the_limit_is_an_error_that_can_be_told() -> None:
    code = """
fine = bytearray(64 << 20)
try:
    bytearray(512 << 20)
except MemoryError:
    print("too much")
"""
    outcome = confined(256, code)
    assert (outcome.stdout, outcome.returncode) == ("too much\n", 0), outcome.stderr


@linux
def test_a_confined_process_leaves_no_core_writes_no_file_and_opens_few(tmp_path: Path) -> None:
    code = f"""
print(resource.getrlimit(resource.RLIMIT_CORE))
print(resource.getrlimit(resource.RLIMIT_DATA))
try:
    [os.dup(0) for _ in range(100)]
except OSError as error:
    print(error.strerror)
os.closerange(10, 100)
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    open({str(tmp_path / "file")!r}, "wb", buffering=0).write(b"x")
except OSError as error:
    print(error.strerror)
"""
    outcome = confined(256, code)
    limits = ["(0, 0)", f"({256 << 20}, {256 << 20})", "Too many open files", "File too large"]
    assert outcome.stdout.splitlines() == limits, outcome.stderr


@linux
def test_a_process_that_uses_up_its_time_is_ended_by_the_kernel() -> None:
    began = time.monotonic()
    outcome = confined(256, "allow_cpu(0.2)\nwhile True: pass")
    assert outcome.returncode == -signal.SIGXCPU
    assert time.monotonic() - began < 50


@linux
def test_time_can_be_allowed_again_for_the_next_file() -> None:
    code = """
for _ in range(3):
    allow_cpu(5)
    print(resource.getrlimit(resource.RLIMIT_CPU)[0])
    until = time.process_time() + 0.4
    while time.process_time() < until: pass
"""
    allowed = [int(line) for line in confined(256, code).stdout.split()]
    assert len(allowed) == 3
    assert 5 <= allowed[0] <= allowed[1] <= allowed[2] <= 9


def test_a_parent_may_open_what_its_slots_need_or_is_told_that_it_may_not() -> None:
    code = """
import resource
from tonearm.errors import ConfigurationError
from tonearm.worker.limits import allow_files
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1000))
allow_files(200)
print(resource.getrlimit(resource.RLIMIT_NOFILE))
try:
    allow_files(300)
except ConfigurationError as error:
    print(error)
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    allowed, refused = outcome.stdout.splitlines()
    assert allowed == "(900, 1000)"
    assert refused.startswith("300 workers need 1300 open files, and this process may have 1000")


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", '''
import sys, time
from tonearm.worker.limits import die_with_parent
die_with_parent(int(sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
''', sys.argv[1] if len(sys.argv) > 1 else str(__import__("os").getpid())], stdout=subprocess.PIPE)
print(child.pid, child.stdout.readline().decode().strip(), flush=True)
time.sleep(60)
"""


@linux
def test_a_child_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        try:
            child, said = parent.stdout.readline().split()
            assert said == "ready"
        finally:
            parent.kill()
        parent.wait()
        until(lambda: not alive(int(child)))


@linux
def test_a_child_whose_parent_died_before_it_looked_ends_at_once() -> None:
    code = "from tonearm.worker.limits import die_with_parent\ndie_with_parent(1 << 22)\nprint('still here')"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (outcome.returncode, outcome.stdout) == (0, "")
