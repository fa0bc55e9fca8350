"""For modules that look into files: finding them as the `file` module does, and reading them whole."""

import errno
import os
import stat
from collections.abc import Sequence

import msgspec

from vedette import clock
from vedette.agent.modules import Context, Limits
from vedette.agent.modules.file import Run
from vedette.agent.modules.file_parameters import Search
from vedette.agent.modules.file_question import questions
from vedette.agent.modules.tally import Tally

MOST_FILES = 250_000
"""Found at most; how many of them are told is the host's to say."""


def find(searches: Sequence[Search], context: Context, tally: Tally) -> list[list[bytes]]:
    """Return the paths each search finds, sorted, by one walk for all; the tally keeps what failed."""
    now = clock.now()
    asked = [list(questions("s1", one, now=now)) for one in searches]
    whole = msgspec.structs.replace(context, limits=Limits(elements=MOST_FILES))
    run = Run(whole, [question for each in asked for question in each])
    errors = run.result().errors
    tally.ended = tally.ended or run.ended
    for words in errors[bool(run.ended) :]:  # the first says that it ended, and why
        tally.fault(words)
    return [sorted({path for question in each for path in question.hits}) for each in asked]


def read_whole(path: bytes, *, most_bytes: int) -> bytes:
    """Return what a regular file holds; raise OSError, also where it is longer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"it is longer than {most_bytes >> 20} MiB")
    return content
