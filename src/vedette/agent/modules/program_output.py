"""What a program of this host says, bounded in time and length; it asks nobody and learns nothing."""

import selectors
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_READ_BYTES = 65_536
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@dataclass(slots=True)
class Said:
    """What a program wrote, and how it ended. cut: it wrote more and was ended for it."""

    output: bytearray = field(default_factory=bytearray)
    errors: bytearray = field(default_factory=bytearray)
    exit_code: int = 0
    cut: bool = False


def said_by(command: Sequence[str], *, deadline: float, most_bytes: int) -> Said:
    """Run a program to its end, or to ours.

    deadline: on `time.monotonic`; past it TimeoutError is raised. most_bytes: of either stream.
    Raises OSError when it cannot be started. Whatever happens, the program has ended.
    """
    said = Said()
    with subprocess.Popen(  # noqa: S603 - an absolute path of our own, no shell
        list(command),
        # Not DEVNULL: to open that, too, is to open a file for writing, which is taken from some.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        cwd="/",
    ) as program:
        assert program.stdin is not None, "it was asked for"
        program.stdin.close()
        try:
            _read(program, said, deadline, most_bytes)
            if not said.cut:
                program.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            program.kill()
    said.exit_code = program.returncode
    return said


def _read(program: "subprocess.Popen[bytes]", said: Said, deadline: float, most_bytes: int) -> None:
    with selectors.DefaultSelector() as waiting:
        for stream, kept in ((program.stdout, said.output), (program.stderr, said.errors)):
            assert stream is not None, "it was asked for"
            waiting.register(stream, selectors.EVENT_READ, kept)
        while waiting.get_map() and not said.cut:
            ready = waiting.select(max(0.0, min(deadline - time.monotonic(), 3600.0)))
            if time.monotonic() >= deadline:
                raise TimeoutError
            for key, _ in ready:
                piece = key.fileobj.read1(_READ_BYTES)  # type: ignore[union-attr]  # our own streams
                key.data.extend(piece)
                said.cut = said.cut or len(key.data) > most_bytes
                if not piece:
                    waiting.unregister(key.fileobj)
