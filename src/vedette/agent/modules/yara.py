"""MIG's `yara` module: which files, found as the `file` module finds them, match which rules.

The rules are YARA-X's, read as leniently as YARA reads them; they include no files of this host and
print nothing. A file is read, not mapped: one that is cut short meanwhile would end the process.
"""

import shlex
import time
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta, convert

from vedette.actions.one_liners import parameters_of
from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.file_find import find, read_whole
from vedette.agent.modules.file_parameters import FileParameters
from vedette.agent.modules.file_walk import shown
from vedette.agent.modules.host_files import MASKED
from vedette.agent.modules.tally import Tally
from vedette.errors import Invalid, Unavailable

if TYPE_CHECKING:
    import yara_x

A_FILE_S = 10.0
LARGEST_BYTES = 128 * 1024 * 1024
_MESSAGE_CHARACTERS = 2_000


class YaraParameters(Parameters, frozen=True, kw_only=True):
    """Rules, and which files they are held against.

    yara: the rules' text. filesearch: options of the `file` module as MIG's command line has them:
    `-path /usr/bin -name ^ls$`.
    """

    yara: Annotated[str, Meta(min_length=1, max_length=8 * 1024 * 1024)]
    filesearch: Annotated[str, Meta(min_length=1, max_length=65_536)]


class Yara:
    """Holds files against YARA rules."""

    name: ClassVar[str] = "yara"
    description: ClassVar[str] = "Finds files that match YARA rules."
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = YaraParameters

    def check(self, parameters: YaraParameters) -> None:
        """Raise `Invalid` for rules or options that cannot be read."""
        file_search(parameters.filesearch)
        _scanner(parameters.yara)

    def run(self, parameters: YaraParameters, context: Context) -> Result:
        """Scan and answer in MIG's shape; `Invalid` as `check`."""
        search = file_search(parameters.filesearch)
        scanner = _scanner(parameters.yara)
        tally = Tally(context)
        matches: list[dict[str, Any]] = []
        for path in _files(search, context, tally):
            if tally.over:
                break
            tally.examined += 1
            told = MASKED if context.privacy else shown(path, context)
            rules = _matched(scanner, told, path, tally)
            if rules:
                matches.append({"Object": told, "MatchedRules": rules})
                tally.hit()
        statistics = {
            "filescount": tally.examined,
            "totalhits": tally.hits,
            "exectime": tally.exectime,
        }
        return tally.result({"Matches": matches}, statistics)


def file_search(line: str) -> FileParameters:
    """Return what a command line of the `file` module asks for; raise `Invalid` where it asks nothing.

    Words are parted by blanks; quotes keep them together, a backslash is one, as patterns need it.
    """
    lexer = shlex.shlex(line, posix=True)
    lexer.whitespace_split, lexer.escape, lexer.commenters = True, "", ""
    try:
        words = list(lexer)
    except ValueError as fault:
        raise Invalid(f"filesearch cannot be read: {fault}") from None
    return convert(parameters_of("file", FileParameters, words, read=_no_files), FileParameters)


def _no_files(name: str) -> bytes:
    raise Invalid(f"filesearch names the file {name!r} to read options from; write them out")


def _scanner(rules: str) -> "yara_x.Scanner":
    try:
        import yara_x
    except ImportError:
        raise Unavailable(
            "this host has no YARA-X, without which no rules are held against files",
            hint="install the package yara-x",
        ) from None
    compiler = yara_x.Compiler(relaxed_re_syntax=True, includes_enabled=False)
    try:
        compiler.add_source(rules)
    except (yara_x.CompileError, UnicodeEncodeError) as fault:
        raise Invalid(f"the rules cannot be read: {str(fault)[:_MESSAGE_CHARACTERS]}") from None
    scanner = yara_x.Scanner(compiler.build())
    scanner.console_log(lambda _: None)
    return scanner


def _files(search: FileParameters, context: Context, tally: Tally) -> list[bytes]:
    found = find(list(search.searches.values()), context, tally)
    return sorted({path for paths in found for path in paths})


def _matched(scanner: "yara_x.Scanner", told: str, path: bytes, tally: Tally) -> list[str]:
    import yara_x

    left = min(A_FILE_S, tally.context.deadline - time.monotonic())
    scanner.set_timeout(max(1, round(left)))
    try:
        content = read_whole(path, most_bytes=LARGEST_BYTES)
        return [rule.identifier for rule in scanner.scan(content).matching_rules]
    except yara_x.TimeoutError:
        tally.fault(f"{told}: no answer within {max(1, round(left))} s")
    except yara_x.ScanError as fault:
        tally.fault(f"{told}: {fault}")
    except OSError as fault:
        tally.fault(f"{told}: {fault.strerror or fault}")
    return []
