"""A child that measures nothing: it answers every file at once, with the messages of a real child."""

import hashlib
import json
import os
import signal
import socket
import sys

from tonearm.analysis.catalog import analysers
from tonearm.worker.child_protocol import encode, receive
from tonearm.worker.limits import die_with_parent

SOUND = {"codec": "flac", "sample_rate_hz": 44100, "channels": 2, "bit_depth": 16}
FILE = {"container": "flac", "bit_rate_bps": 900000, "declared_s": 200.0, "declared_exact": True}
DECODED = {"decoded_s": 200.0, "intact": True, "warnings": []}
FINDINGS = {name: {"version": spec.version, "values": {}, "series": {}} for name, spec in analysers().items()}


def main() -> None:
    """Serve until the parent is gone."""
    link = socket.socket(fileno=int(sys.argv[1]))
    die_with_parent(int(sys.argv[2]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    json.loads(sys.argv[3])
    link.sendall(encode({"ready": os.getpid(), "unsealed": None}))
    while (received := receive(link)) is not None:
        _, descriptor = received
        if descriptor is None:
            return
        digest = hashlib.sha256(os.pread(descriptor, 64, 0)).hexdigest()
        os.close(descriptor)
        link.sendall(encode({"hash": digest, "sound": SOUND, "file": FILE, "tags": {"title": "A title"}}))
        if receive(link) is None:
            return
        link.sendall(encode({"finished": True, "decoded": DECODED, "findings": FINDINGS, "timings": {}}))


if __name__ == "__main__":
    main()
