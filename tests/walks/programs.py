"""The real programs of a walk: `vedette` as a stranger runs it, and what it watches."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

VEDETTE = Path(sys.executable).with_name("vedette")
POLL_S = 0.05


def free_port() -> int:
    """A port of loopback that nobody holds now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(
    true: Callable[[], Any],
    *,
    within_s: float,
    what: str,
    seen: Callable[[], object] = lambda: "",
) -> float:
    """Wait for a condition and return how long it took; fail, naming it, when it does not come.

    seen: what there is to see instead, asked when it has failed.
    """
    begun = time.monotonic()
    while not true():
        took = time.monotonic() - begun
        if took > within_s:
            pytest.fail(f"{what}: not within {within_s:g} s; {seen()}")
        time.sleep(POLL_S)
    return time.monotonic() - begun


class Program:
    """A running command; its lines are kept as they come."""

    def __init__(self, *arguments: object, cwd: Path, **environment: str) -> None:
        self.name = " ".join(map(str, arguments))[:80]
        self.lines: list[str] = []
        self.errors: list[str] = []
        self.process = subprocess.Popen(
            [str(VEDETTE), *map(str, arguments)],
            cwd=cwd, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env={**_plain_environment(), **environment},
        )  # fmt: skip
        for stream, kept in ((self.process.stdout, self.lines), (self.process.stderr, self.errors)):
            threading.Thread(target=self._read, args=(stream, kept), daemon=True).start()

    @staticmethod
    def _read(stream: Any, kept: list[str]) -> None:
        for line in stream:
            kept.append(line.rstrip("\n"))  # noqa: PERF401 - another thread reads it meanwhile

    def says(self, word: str) -> bool:
        return any(word in line for line in [*self.lines, *self.errors])

    def interrupt(self, *, within_s: float) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=within_s)

    def kill(self) -> None:
        """kill -9 it and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)


def _plain_environment() -> dict[str, str]:
    # Nothing of the tester's own Vedette may leak into the walk.
    return {k: v for k, v in os.environ.items() if not k.startswith(("VEDETTE_", "DASHDOTDB_"))}


def ask(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [str(VEDETTE), *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=60, check=False,
        env={**_plain_environment(), **environment},
    )  # fmt: skip


def ask_json(*arguments: object, cwd: Path, **environment: str) -> Any:
    """Run a command with `-o json` and return what it said."""
    said = ask(*arguments, "-o", "json", cwd=cwd, **environment)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout)


class Redis:
    """A throw-away Redis that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server") or "/usr/bin/redis-server"
        self.process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
             "--dir", str(self.folder), "--daemonize", "no"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until(self._answers, within_s=60, what="Redis starts")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=10)
            self.process = None

    def _answers(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""


@contextmanager
def http_server(folder: Path) -> Iterator[int]:
    """A web server of that folder; yields its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
