"""Asks a process whether it is alive (``/health``) or can work (``/ready``), for the health checks of containers.

    python -m tonearm.probe [/health|/ready] [HOST:PORT]

Without an address, the process that listens at ``TONEARM_LISTEN`` is asked. Ends with status 0 when it answers with
status 200, else with 1 and a line on standard error. Uses nothing but Python's standard library, and little of that.
"""

import os
import socket
import sys

LIMIT_S = 4.0
EVERY_ADDRESS = ("", "0.0.0.0", "[::]", "::")  # noqa: S104  compared, never listened on


def main(arguments: list[str]) -> int:
    """Ask; returns the exit status."""
    path, address = [*arguments, *("/health", os.environ.get("TONEARM_LISTEN", ""))[len(arguments) :]][:2]
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        sys.stderr.write("give the address as HOST:PORT, or set TONEARM_LISTEN\n")
        return 1
    try:
        answer = ask("127.0.0.1" if host in EVERY_ADDRESS else host.strip("[]"), int(port), path)
    except OSError as error:
        sys.stderr.write(f"{address} does not answer: {error.strerror or error}\n")
        return 1
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.split()[1:2] == [b"200"]:
        return 0
    line = head.partition(b"\r\n")[0].decode("latin-1")
    sys.stderr.write(f"{address}{path}: {line or 'no answer'}\n{body.decode('ascii', 'replace')}")
    return 1


def ask(host: str, port: int, path: str) -> bytes:
    """Send a request; returns the whole answer. Raises OSError."""
    with socket.create_connection((host, port), LIMIT_S) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
