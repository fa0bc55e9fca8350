"""Runs a how-to page as its reader would: its blocks from top to bottom, in an empty folder.

- A block after a line that is only `` `NAME`: `` is that file.
- A `sh` block is run, and must end well; `sh runs-on` is left running until the page's end.
- A `text` block after it says what is seen: each line's words in one line of the output, `…` standing
  for anything. The `sh` block is repeated until it is, for things take their time.
- Blocks of other languages without a file's name, and indented ones, are for the eyes alone.

Ports that a page names on 127.0.0.1 are shifted to free ones, and Vedette itself listens on free ones.
"""

import os
import re
import secrets
import signal
import socket
import subprocess
import sysconfig
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.app.up_world import clean, free_port

SEEN_WITHIN_S = 60.0
ENDS_WITHIN_S = 90.0
POLL_S = 0.3

_BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`:\n\n)?^```(?P<language>\w+)(?P<mark>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PORT = re.compile(r"(?:127\.0\.0\.1:|--port[ =])(\d{2,5})\b")


@dataclass(frozen=True)
class Block:
    """One fenced block; seen: the lines of the `text` block after it."""

    line: int
    language: str
    mark: str
    file: str
    text: str
    seen: tuple[str, ...] = ()


def blocks_of(page: str) -> list[Block]:
    """Every block of a page in its order; a `text` block is part of the one before."""
    found: list[Block] = []
    for match in _BLOCK.finditer(page):
        line = page.count("\n", 0, match.start()) + 1
        mark, file = match["mark"].strip(), match["file"] or ""
        if match["language"] == "text":
            before = found.pop()
            assert before.language == "sh", f"line {line}: what is seen follows what is run"
            seen = tuple(match["text"].splitlines())
            found.append(Block(before.line, "sh", before.mark, "", before.text, seen))
        else:
            found.append(Block(line, match["language"], mark, file, match["text"]))
    return found


def shifted(page: str) -> str:
    """The page with every port of 127.0.0.1 moved by the same number, to ports that are free."""
    named = {int(port) for port in _PORT.findall(page)}
    if not named:
        return page
    for _ in range(100):
        # Below those that the kernel gives to whoever connects: one that is free now stays so.
        by = 20_000 + secrets.randbelow(12_000) - min(named)
        if all(_is_free(port + by) for port in named):
            break
    else:
        raise AssertionError("no free ports were found")
    return _PORT.sub(lambda m: m[0].replace(m[1], str(int(m[1]) + by)), page)


def _is_free(port: int) -> bool:
    if port > 65_535:
        return False
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


class Reader:
    """Somebody who follows a page in a folder of their own, with an environment of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "here"
        self.folder.mkdir()
        self.running: list[subprocess.Popen[bytes]] = []
        home = folder / "home"
        home.mkdir()
        self.environment = clean() | {
            "HOME": str(home),
            "PATH": f"{_environment(folder / 'venv')}:{os.environ['PATH']}",
            "VEDETTE_HTTP": f"127.0.0.1:{free_port()}",
            "VEDETTE_GRPC": f"127.0.0.1:{free_port()}",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say: do not isolate
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        self.environment.pop("XDG_STATE_HOME", None)

    def follow(self, block: Block) -> None:
        """Do what one block says."""
        if block.file:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        elif block.language == "sh" and block.mark == "runs-on":
            self._leave_running(block)
        elif block.language == "sh":
            self._run(block)

    def _run(self, block: Block) -> None:
        give_up = time.monotonic() + SEEN_WITHIN_S
        while True:
            ended = subprocess.run(
                ["sh", "-euc", block.text], cwd=self.folder, env=self.environment, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=ENDS_WITHIN_S, check=False,
            )  # fmt: skip
            missing = [line for line in block.seen if not is_seen(line, ended.stdout)]
            if ended.returncode == 0 and not missing:
                return
            is_final = not block.seen or time.monotonic() > give_up
            assert not is_final, f"line {block.line}: {missing or 'it failed'}: {ended.stdout}"
            time.sleep(POLL_S)

    def _leave_running(self, block: Block) -> None:
        with (self.folder / "said").open("ab") as said:
            process = subprocess.Popen(
                ["sh", "-euc", f"exec {block.text}"], cwd=self.folder, env=self.environment,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        self.running.append(process)
        give_up = time.monotonic() + SEEN_WITHIN_S
        while b"Ctrl-C stops everything" not in (self.folder / "said").read_bytes():
            words = (self.folder / "said").read_text()
            assert process.poll() is None, f"line {block.line}: it ended: {words}"
            assert time.monotonic() < give_up, f"line {block.line}: it does not begin: {words}"
            time.sleep(POLL_S)

    def leave(self) -> None:
        """Stop what was left running, and every lab."""
        with ExitStack() as stack:
            for process in self.running:
                stack.callback(_stop, process)
            stack.callback(
                subprocess.run, ["vedette", "lab", "stop", "--all"], cwd=self.folder,
                env=self.environment, check=True, timeout=ENDS_WITHIN_S,
            )  # fmt: skip


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    """A reader in that folder; what they started ends with the block."""
    found = Reader(folder)
    try:
        yield found
    finally:
        found.leave()


def is_seen(wanted: str, said: str) -> bool:
    """Say whether one line of what was said holds the words, in their order."""
    words = ".*".join(re.escape(part.strip()) for part in wanted.split("…"))
    return re.search(words, said) is not None


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment(folder: Path) -> Path:
    """Make a virtual environment that sees everything of ours; return its folder of programs."""
    venv.create(folder, symlinks=True)
    ours, theirs = sysconfig.get_path("purelib"), next(folder.glob("lib/python*/site-packages"))
    # A line that begins with `import` is run: so the .pth files of our environment count too.
    (theirs / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    python = folder / "bin" / "python"
    for name, module in (("vedette", "vedette.app.main"), ("pip", "pip")):
        program = folder / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {python} -m {module} "$@"\n')
        program.chmod(0o755)
    return python.parent
