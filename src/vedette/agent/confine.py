"""What an operation's module is not given is taken from its process before it runs, for good.

Two walls that do not know each other: Landlock, where the kernel has it, and a filter of system
calls. Who opens what is other processes' stands behind the second alone, for under Landlock nobody
may: for most modules that is a helper (`agent/opening.py`). There is no network namespace on purpose: in an empty one, `/proc/net` shows a host
without connections, and a module that reads it would answer "nothing found".
"""

import ctypes
import os
import sys

import msgspec

from vedette.agent import capabilities, landlock, seccomp
from vedette.agent.modules import Needs
from vedette.errors import Unavailable

_NICE = 10
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IOPRIO_WHO_PROCESS = 1
_IOPRIO_IDLE = 3 << 13


class Offers(msgspec.Struct, frozen=True, kw_only=True):
    """What this kernel gives to keep an operation in.

    landlock: the version it speaks, 0 for none. seccomp: whether it filters calls that we know.
    user_namespaces: whether this user may make one; told, not used. ionice: idle disk time.
    """

    landlock: int
    seccomp: bool
    user_namespaces: bool
    rlimits: bool
    ionice: bool

    def plain(self) -> dict[str, int | bool]:
        """Return them for the agent's facts."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


def offers() -> Offers:
    """Return what this kernel gives; asks it, changes nothing."""
    return Offers(
        landlock=landlock.abi(),
        seccomp=seccomp.offered(),
        user_namespaces=_user_namespaces(),
        rlimits=os.name == "posix",
        ionice=sys.platform == "linux",
    )


def lacking(needs: Needs, offered: Offers, *, superuser: bool) -> list[str]:
    """Return what is missing for a module of these needs to run as it should, in words."""
    missing = []
    if not offered.seccomp:
        missing.append("a filter of system calls (seccomp on x86-64 or aarch64)")
    if needs.root and not superuser:
        missing.append("the superuser, whom the module needs")
    return missing


def confine(needs: Needs, *, partial: bool) -> None:
    """Take away from this process what the needs do not say.

    Raises `Unavailable` naming what this host lacks, unless `partial`: then as much as there is.
    """
    offered = offers()
    missing = lacking(needs, offered, superuser=os.geteuid() == 0)
    if missing and not partial:
        raise Unavailable(
            f"this host cannot keep the operation in; it lacks {' and '.join(missing)}",
            hint="its owner may write `sandbox: partial` into agent.yaml",
        )
    if sys.platform != "linux":
        return
    if not needs.root:
        capabilities.keep(_capabilities(needs))
    landlocked = offered.landlock > 0 and not needs.memory
    if landlocked:
        landlock.restrict(write=needs.write, network=needs.network, programs=needs.programs)
    if offered.seccomp:
        seccomp.restrict(
            write=needs.write,
            read_only_by_us=not landlocked,
            network=needs.network,
            memory=needs.memory,
            netlink=needs.netlink,
            local=needs.root,
            programs=needs.programs,
            signals=landlocked and offered.landlock >= landlock.SCOPE_ABI,
        )


def step_back() -> None:
    """Let everything else on the host go first, on the processor and on the disk."""
    os.nice(_NICE)
    number = _IOPRIO_SET.get(os.uname().machine) if sys.platform == "linux" else None
    if number is not None:
        ctypes.CDLL(None).syscall(
            number, 1, 0, _IOPRIO_IDLE
        )  # refused in some containers, and no matter


def _capabilities(needs: Needs) -> list[int]:
    kept = [capabilities.DAC_READ_SEARCH]
    if needs.write:
        kept += [capabilities.CHOWN, capabilities.DAC_OVERRIDE, capabilities.FOWNER]
        kept.append(capabilities.FSETID)
    if needs.network:
        kept.append(capabilities.NET_RAW)
    if needs.memory:
        kept.append(capabilities.SYS_PTRACE)
    return kept


def _user_namespaces() -> bool:
    try:
        with open("/proc/sys/user/max_user_namespaces", "rb") as told:  # noqa: PTH123 - cheaper
            return int(told.read()) > 0
    except (OSError, ValueError):
        return False
