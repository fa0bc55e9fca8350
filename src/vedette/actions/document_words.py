"""What an action does, in plain words: what another person reads before signing it."""

from collections.abc import Callable, Mapping

from vedette.actions.document import Action, Operation, opened

SHOWN = 5
"""Names shown of a list; of the others their number."""
CHARACTERS = 80
"""Shown of one name."""

FILE_CHECKS = {
    "names": "file names",
    "sizes": "sizes",
    "modes": "modes",
    "mtimes": "times of change",
    "contents": "contents",
    "md5": "MD5 sums",
    "sha1": "SHA-1 sums",
    "sha2": "SHA-2 sums",
    "sha3": "SHA-3 sums",
}


def words(action: Action) -> tuple[str, ...]:
    """Return a sentence for each operation; nothing in it is the author's wording of the aim."""
    return tuple(sentence for operation in action.operations for sentence in _sentences(operation))


def _sentences(operation: Operation) -> tuple[str, ...]:
    parameters = opened(operation).parameters
    found: Mapping[str, object] = parameters if isinstance(parameters, dict) else {}
    told = _SENTENCES.get(operation.module)
    if told is not None:
        return told(found)
    asked = listed(sorted(found)) if found else "no parameters"
    return (f"runs the module {_short(operation.module)} with {asked}",)


def _file(found: Mapping[str, object]) -> tuple[str, ...]:
    searches = found.get("searches")
    if not isinstance(searches, dict) or not searches:
        return ("looks for no file",)
    return tuple(_search(one) for one in searches.values() if isinstance(one, dict))


def _search(search: Mapping[str, object]) -> str:
    checks = [told for key, told in FILE_CHECKS.items() if search.get(key)]
    options = search.get("options")
    answers = ""
    if isinstance(options, dict) and options.get("returnsha256"):
        answers = " and answers with the SHA-256 of each hit"
    read = ", ".join(checks) or "file names"
    return f"reads {read} below {listed(search.get('paths'))}{answers}"


def _netstat(found: Mapping[str, object]) -> tuple[str, ...]:
    told = {
        "localmac": "the host's MAC addresses",
        "localip": "the host's IP addresses",
        "neighbormac": "neighbours' MAC addresses",
        "neighborip": "neighbours' IP addresses",
        "connectedip": "connections with",
        "listeningport": "listening ports",
    }
    looks = [f"{words} {listed(found[key])}" for key, words in told.items() if found.get(key)]
    everywhere = " in every network namespace" if found.get("namespaces") else ""
    return (f"looks at {'; '.join(looks) or 'no connection'}{everywhere}",)


def _memory(found: Mapping[str, object]) -> tuple[str, ...]:
    searches = found.get("searches")
    those = searches.values() if isinstance(searches, dict) else ()
    return tuple(
        f"reads the memory of processes named {listed(one.get('names'))}"
        if one.get("contents") or one.get("bytes")
        else f"looks for processes named {listed(one.get('names'))}"
        for one in those
        if isinstance(one, dict)
    )


def _ping(found: Mapping[str, object]) -> tuple[str, ...]:
    port = found.get("destinationport")
    where = f"{found.get('destination')}{f' port {_short(port)}' if port else ''}"
    return (f"sends {_short(found.get('protocol'))} probes to {_short(where)}",)


def _pkg(found: Mapping[str, object]) -> tuple[str, ...]:
    wanted = found.get("pkgmatch")
    matches = wanted.get("matches") if isinstance(wanted, dict) else None
    return (f"looks for installed packages named {listed(matches)}",)


def _agentdestroy(found: Mapping[str, object]) -> tuple[str, ...]:
    pid, version = _short(found.get("pid")), _short(found.get("version"))
    return (f"kills the agent with process id {pid} of version {version} and deletes its program",)


def listed(names: object) -> str:
    """Return the first names and how many more there are; never an author's line break."""
    those = names if isinstance(names, list | tuple) else [] if names is None else [names]
    shown = ", ".join(_short(one) for one in those[:SHOWN])
    more = len(those) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "nothing"


def _short(value: object) -> str:
    line = "".join(c if c.isprintable() else "�" for c in str(value))
    return line if len(line) <= CHARACTERS else f"{line[: CHARACTERS - 1]}…"


_SENTENCES: dict[str, Callable[[Mapping[str, object]], tuple[str, ...]]] = {
    "file": _file,
    "netstat": _netstat,
    "memory": _memory,
    "ping": _ping,
    "pkg": _pkg,
    "agentdestroy": _agentdestroy,
    "timedrift": lambda _: ("compares the host's clock with time servers",),
    "scribe": lambda _: ("reads files and packages a scribe document names",),
    "yara": lambda _: ("reads files with YARA rules",),
    "sshkey": lambda found: (
        f"reads SSH keys below {listed(found.get('paths') or '/root, /home')}",
    ),
}
