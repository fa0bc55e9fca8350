"""What an action does, in plain words: what another person reads before signing it."""

from collections.abc import Callable, Mapping, Sequence

from vedette.actions.document import Action, Operation, opened

SHOWN = 5
"""Names shown of a list; of the others their number."""
CHARACTERS = 80
"""Shown of one name."""
SQL = 2_000
"""Characters shown of a statement, which is what is signed."""

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
    return operations_words(action.operations)


def operations_words(operations: Sequence[Operation]) -> tuple[str, ...]:
    """Return a sentence for each of these operations, or several; raises Invalid for damaged ones."""
    return tuple(sentence for operation in operations for sentence in _sentences(operation))


def _sentences(operation: Operation) -> tuple[str, ...]:
    parameters = opened(operation).parameters
    found: Mapping[str, object] = parameters if isinstance(parameters, dict) else {}
    told = _SENTENCES.get(operation.module)
    sentences = told(found) if told else ()
    if sentences:
        return sentences
    asked = listed(sorted(found)) if found else "no parameters"
    return (f"runs the module {_short(operation.module)} with {asked}",)


def _file(found: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(_search(one) for one in _searches(found)) or ("looks for no file",)


def _search(search: Mapping[str, object]) -> str:
    checks = [told for key, told in FILE_CHECKS.items() if search.get(key)]
    options = _options(search)
    answers = " and answers with the SHA-256 of each hit" if options.get("returnsha256") else ""
    turned = options.get("mismatch")
    sought = _sought(search, FILE_CHECKS, turned=turned if isinstance(turned, list) else ())
    if len(checks) > 1 and not options.get("matchall"):
        sought = f"{sought}; any of these"
    read = ", ".join(checks) or "file names"
    return f"reads {read} below {listed(search.get('paths'))}{answers}{sought}"


def _options(search: Mapping[str, object]) -> Mapping[str, object]:
    options = search.get("options")
    return options if isinstance(options, dict) else {}


def _sought(
    search: Mapping[str, object], called: Mapping[str, str], *, turned: Sequence[object] = ()
) -> str:
    """Return what is looked for, check by check; turned: those that must not hold, in the singular."""
    told = [
        f"{words}{' not' if key.rstrip('s') in turned else ''} {listed(search[key])}"
        for key, words in called.items()
        if search.get(key)
    ]
    return f": {'; '.join(told)}" if told else ""


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
    return tuple(_one_memory(one) for one in _searches(found))


def _one_memory(search: Mapping[str, object]) -> str:
    reads = search.get("contents") or search.get("bytes")
    what = "reads the memory of" if reads else "looks for"
    called = {"libraries": "libraries", "contents": "contents", "bytes": "bytes"}
    return f"{what} {_named('process', search)}{_sought(search, called)}"


def _process(found: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(_one_process(one) for one in _searches(found))


def _one_process(search: Mapping[str, object]) -> str:
    looks = {
        "names": "names",
        "cmdlines": "arguments",
        "exes": "programs",
        "users": "users",
        "listening": "listening ports",
        "sha256": "programs' SHA-256 sums",
        "deleted": "deleted programs",
    }
    gives = {
        "returncmdline": "arguments, which may hold secrets",
        "returnlistening": "listening ports",
        "returnsha256": "programs' SHA-256 sums",
    }
    options = _options(search)
    answers = " and ".join(words for key, words in gives.items() if options.get(key))
    looked = ", ".join(words for key, words in looks.items() if search.get(key)) or "names"
    valued = {key: words for key, words in looks.items() if key != "deleted"}
    answered = f" and answers with {answers}" if answers else ""
    return f"looks at processes' {looked}{answered}{_sought(search, valued)}"


def _services(found: Mapping[str, object]) -> tuple[str, ...]:
    return (f"looks at {_named('service', found)}, whether they run and begin with the host",)


def _command(found: Mapping[str, object]) -> tuple[str, ...]:
    target, command = _short(found.get("target")), _short(found.get("command"))
    return (f"asks the target {target} of the host's agent for {command}",)


def _osquery(found: Mapping[str, object]) -> tuple[str, ...]:
    answers = "how many rows there are" if found.get("onlycount") else "all rows"
    return (f"asks osquery and answers with {answers} of: {_cut(found.get('query'), SQL)}",)


def _example(found: Mapping[str, object]) -> tuple[str, ...]:
    asked = found.get("lookuphost")
    looks = f" and looks up {listed(asked)}" if asked else ""
    return (f"tells the host's name and addresses{looks}",)


def _ping(found: Mapping[str, object]) -> tuple[str, ...]:
    port = found.get("destinationport")
    where = f"{found.get('destination')}{f' port {_short(port)}' if port else ''}"
    return (f"sends {_short(found.get('protocol'))} probes to {_short(where)}",)


def _searches(found: Mapping[str, object]) -> list[Mapping[str, object]]:
    searches = found.get("searches")
    those = searches.values() if isinstance(searches, dict) else ()
    return [one for one in those if isinstance(one, dict)]


def _named(what: str, search: Mapping[str, object]) -> str:
    """Return which are meant: without names that is every one."""
    several = f"{what}es" if what.endswith("s") else f"{what}s"
    names = search.get("names")
    return f"{several} named {listed(names)}" if names else f"every {what}"


def _pkg(found: Mapping[str, object]) -> tuple[str, ...]:
    wanted = found.get("pkgmatch")
    matches = wanted.get("matches") if isinstance(wanted, dict) else None
    return (f"looks for {_named('installed package', {'names': matches})}",)


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
    return _cut(value, CHARACTERS)


def _cut(value: object, characters: int) -> str:
    line = "".join(c if c.isprintable() else "�" for c in str(value))
    return line if len(line) <= characters else f"{line[: characters - 1]}…"


_SENTENCES: dict[str, Callable[[Mapping[str, object]], tuple[str, ...]]] = {
    "file": _file,
    "netstat": _netstat,
    "memory": _memory,
    "ping": _ping,
    "pkg": _pkg,
    "agentdestroy": _agentdestroy,
    "process": _process,
    "services": _services,
    "users": lambda found: (
        f"looks at {_named('account', found)}: who can log in, with how many keys, who is logged in",
    ),
    "command": _command,
    "osquery": _osquery,
    "example": _example,
    "sysinfo": lambda _: ("tells the host's system, memory, disks and how long it has run",),
    "fswatch": lambda _: ("asks the watch of files how it is, and for its last alerts",),
    "audit": lambda _: ("asks the kernel's audit for its last events",),
    "dispatch": lambda _: ("asks how events are sent on",),
    "timedrift": lambda _: ("compares the host's clock with time servers",),
    "scribe": lambda _: ("reads files and packages a scribe document names",),
    "yara": lambda _: ("reads files with YARA rules",),
    "sshkey": lambda found: (
        f"reads SSH keys below {listed(found.get('paths') or '/root, /home')}",
    ),
}
