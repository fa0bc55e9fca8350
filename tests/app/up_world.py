"""A real `vedette up` in a folder of its own, on free ports, as an operator starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from vedette.cli.where import endpoints

LONGEST_START_S = 60


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def vedette(*arguments, env=None, timeout=60, cwd=None) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "vedette.app.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=clean(env),
        cwd=cwd,
        check=False,
    )


def clean(env=None) -> dict[str, str]:
    """The environment without anything of ours in it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("VEDETTE_", "DASHDOTDB_"))}
    return {**kept, **(env or {})}


class Command:
    """A command that runs while the test does something else."""

    def __init__(self, *arguments: object, env=None) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._ended = self._pool.submit(vedette, *arguments, env=env)

    def result(self) -> subprocess.CompletedProcess[str]:
        found = self._ended.result()
        self._pool.shutdown()
        return found


class Up:
    """One running `vedette up`."""

    def __init__(self, directory: Path, *arguments: object, env=None) -> None:
        self.directory = directory
        self.errors = directory.with_suffix(".err")
        self.said = directory.with_suffix(".out")
        flags = [f"--data-dir={directory}", f"--http=127.0.0.1:{free_port()}"]
        flags += [f"--grpc=127.0.0.1:{free_port()}", *map(str, arguments)]
        with self.said.open("w") as out, self.errors.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vedette.app.main", "up", *flags],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                env=clean(env),
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        return endpoints(self.directory).get("http", "")

    @property
    def token(self) -> str:
        return (self.directory / "admin.token").read_text().strip()

    def get(self, path: str, **more) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return httpx.get(self.url + path, headers=headers, **more)

    def until(self, claim, *, seconds: float = LONGEST_START_S):
        """Wait until the claim holds and return what it said; fail with the program's own words."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended: {self.errors.read_text()}")
            found = claim()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {self.errors.read_text()}")

    def serves(self) -> bool:
        try:
            return bool(self.url) and httpx.get(f"{self.url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def cli(self, *arguments: object, **more) -> subprocess.CompletedProcess[str]:
        return vedette(*arguments, f"--data-dir={self.directory}", **more)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=40)


@contextmanager
def running(directory: Path, *arguments: object, env=None):
    up = Up(directory, *arguments, env=env)
    try:
        up.until(up.serves)
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()
