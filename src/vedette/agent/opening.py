"""A helper that opens what of other processes a module looks into, so that the module stands behind Landlock.

The kernel lets nobody under Landlock open another process's memory, but read what is open. The helper
has one wall and does one thing; the module, which reads what strangers wrote, has both.
"""

import errno
import os
import re
import signal
import socket

from vedette.agent.confine import confine
from vedette.agent.modules import Needs
from vedette.agent.opener import DIRECT
from vedette.agent.sandboxed import die_with_parent

_OPEN, _LINK, _LINKS = b"o", b"l", b"s"
_DONE, _MORE, _FAILED = b"d", b"m", b"f"
_MAY = {
    _OPEN: re.compile(rb"/proc/\d{1,10}/(?:maps|mem|pagemap|exe)"),
    _LINK: re.compile(rb"/proc/\d{1,10}/(?:exe|ns/net)"),
    _LINKS: re.compile(rb"/proc/\d{1,10}/fd"),
}
_PART_BYTES = 32 << 10
_MESSAGE_BYTES = 64 << 10
"""A part and a path that was begun in it."""


class Through:
    """Opens by asking the helper; raises OSError as the kernel would."""

    def __init__(self, helper: socket.socket) -> None:
        self._helper = helper

    def open(self, path: str) -> int:
        """Return a descriptor of the file, open for reading."""
        _, descriptors = self._ask(_OPEN, path)
        if not descriptors:
            # The kernel drops what there is no room for, without a word.
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return descriptors[0]

    def link(self, path: str) -> bytes:
        """Return where a link leads."""
        return self._ask(_LINK, path)[0]

    def links(self, path: str) -> list[bytes]:
        """Return where the links of a folder lead."""
        told = self._ask(_LINKS, path)[0]
        return told.split(b"\0") if told else []

    def _ask(self, what: bytes, path: str) -> tuple[bytes, list[int]]:
        self._helper.send(what + os.fsencode(path))
        told = b""
        while True:
            answer, descriptors, _, _ = socket.recv_fds(self._helper, _MESSAGE_BYTES, 1)
            kind, body = answer[:1], answer[1:]
            if kind not in (_DONE, _MORE):
                number = int(body or b"0")
                raise OSError(number, os.strerror(number) if number else "the helper has ended")
            told += body
            if kind == _DONE:
                return told, descriptors


def through_a_helper(root: str, *, partial: bool) -> Through:
    """Begin the helper of this process, which ends with it. Must be called before this one is confined.

    root: what stands for `/`; it opens below its proc alone.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    asking = os.getpid()
    if os.fork() == 0:
        try:
            die_with_parent(signal.SIGKILL)
            if os.getppid() == asking:
                _keep_only(theirs.fileno())
                confine(Needs(memory=True), partial=partial)
                serve(theirs, os.fsencode(root.rstrip("/")))
        finally:
            os._exit(0)
    theirs.close()
    return Through(ours)


def serve(asked: socket.socket, root: bytes = b"") -> None:
    """Open what is asked for below this root, until nobody asks any more."""
    while message := asked.recv(_MESSAGE_BYTES):
        what, path = message[:1], message[1:]
        try:
            inside = path.removeprefix(root) if path.startswith(root) else b""
            if what not in _MAY or not _MAY[what].fullmatch(inside):
                raise PermissionError(1, "not for a module")
            if what == _OPEN:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    socket.send_fds(asked, [_DONE], [descriptor])
                finally:
                    os.close(descriptor)
            elif what == _LINK:
                asked.send(_DONE + DIRECT.link(os.fsdecode(path)))
            else:
                told = b"\0".join(DIRECT.links(os.fsdecode(path)))
                while len(told) > _PART_BYTES:
                    asked.send(_MORE + told[:_PART_BYTES])
                    told = told[_PART_BYTES:]
                asked.send(_DONE + told)
        except OSError as fault:
            asked.send(_FAILED + b"%d" % (fault.errno or 0))


def _keep_only(descriptor: int) -> None:
    """Close what the module was given: its question, and the pipe of its answer."""
    os.closerange(0, descriptor)
    os.closerange(descriptor + 1, 4096)
