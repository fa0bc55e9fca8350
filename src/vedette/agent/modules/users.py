"""The `users` module: who has an account on this host, who can log in, who is logged in.

Keys are counted, never told; of a password it is told whether there is one. Accounts are those of
the host's own files and whoever is logged in: a directory's others are not listed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from vedette.agent.modules import Context, Needs, Parameters, Result
from vedette.agent.modules.accounts import Account, accounts, groups, shadow
from vedette.agent.modules.file_patterns import pattern
from vedette.agent.modules.host_files import MASKED, exists, read, read_text
from vedette.agent.modules.sessions import Session, sessions
from vedette.agent.modules.ssh_keys import key_lines
from vedette.agent.modules.tally import Tally
from vedette.agent.modules.users_parameters import Password, UsersParameters

_NO_SHELLS = {"false", "halt", "nologin", "poweroff", "reboot", "shutdown", "sync", "true"}
_KEY_FILES = (".ssh/authorized_keys", ".ssh/authorized_keys2")
_SSHD = "/etc/ssh/sshd_config"
_KEYS_BYTES = 1 << 20


class Users:
    """Finds accounts.

    elements: `users`, each `{name, uid, gid, home, shell, login, password, groups, authorizedkeys,
    sessions}`; authorizedkeys is null where they may not be read, a session is `{terminal, from,
    since}`. statistics: `examined`, `totalhits`, `exectime`.
    """

    name: ClassVar[str] = "users"
    description: ClassVar[str] = (
        "Finds accounts: who can log in, with how many keys, and who is logged in."
    )
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = UsersParameters

    def check(self, parameters: UsersParameters) -> None:
        """Raise `Invalid` for a pattern RE2 cannot read."""
        for text in parameters.names:
            pattern(text)

    def run(self, parameters: UsersParameters, context: Context) -> Result:
        """Return the accounts that fit; `Invalid` as `check`."""
        self.check(parameters)
        tally = Tally(context)
        host = Host(context, tally)
        fits = _Fitting(parameters, host)
        told: list[dict[str, object]] = []
        for account in host.accounts():
            if tally.over or (parameters.matchlimit and tally.hits >= parameters.matchlimit):
                break
            tally.examined += 1
            if fits(account):
                told.append(_element(account, host, context))
                tally.hit()
        if parameters.passwords and not host.knows_passwords:
            tally.fault("whether passwords are set takes root", unanswered=True)
        statistics = {
            "examined": tally.examined,
            "totalhits": tally.hits,
            "exectime": tally.exectime,
        }
        return tally.result({"users": told}, statistics)


class Host:
    """What a host's files say of its accounts, each read when first asked for."""

    def __init__(self, context: Context, tally: Tally) -> None:
        self._context = context
        self._tally = tally
        self._keys: dict[str, int | None] = {}

    def accounts(self) -> list[Account]:
        """Return the accounts, and behind them whoever is logged in from elsewhere."""
        found: list[Account] = []
        try:
            found, broken = accounts(self._context)
        except OSError as fault:
            words = f"/etc/passwd: {fault.strerror or fault}"
            self._tally.fault(words, unanswered=True)
        else:
            if broken:
                self._tally.fault(f"/etc/passwd: {broken} lines cannot be read", unanswered=True)
        known = {account.name for account in found}
        strangers = [name for name in self.sessions if name and name not in known]
        return [*found, *(_stranger(name) for name in strangers)]

    @cached_property
    def sessions(self) -> dict[str, list[Session]]:
        """The sessions of each user."""
        found: dict[str, list[Session]] = {}
        for session in sessions(self._context, self._tally):
            found.setdefault(session.user, []).append(session)
        return found

    @cached_property
    def _groups(self) -> dict[str, tuple[int, frozenset[str]]]:
        try:
            return groups(self._context)
        except OSError as fault:
            self._tally.fault(f"/etc/group: {fault.strerror or fault}")
            return {}

    @cached_property
    def _shadow(self) -> dict[str, str] | None:
        try:
            return shadow(self._context)
        except OSError:
            return None

    @property
    def knows_passwords(self) -> bool:
        """Whether the shadow could be read."""
        return self._shadow is not None

    def groups_of(self, account: Account) -> list[str]:
        """Return the groups of an account, its own among them."""
        return sorted(
            name
            for name, (number, members) in self._groups.items()
            if number == account.gid or account.name in members
        )

    def password(self, account: Account) -> Password:
        """Return whether it has a password, never which."""
        said = account.password
        if said == "x":
            if self._shadow is None:
                return "unknown"
            said = self._shadow.get(account.name, "*")
        if not said:
            return "empty"
        return "locked" if said.startswith(("!", "*")) else "set"

    def keys(self, account: Account) -> int | None:
        """Return how many SSH keys may log in as it; None when that may not be read."""
        if account.name not in self._keys:
            counts = [self._count(path) for path in self._key_files(account)]
            known = [count for count in counts if count is not None]
            self._keys[account.name] = sum(known) if len(known) == len(counts) else None
        return self._keys[account.name]

    def _count(self, path: str) -> int | None:
        try:
            found, _ = key_lines(read(self._context, path, limit=_KEYS_BYTES))
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as fault:
            shown = MASKED if self._context.privacy else path
            self._tally.fault(f"{shown}: {fault.strerror or fault}")
            return None
        return len(found)

    def _key_files(self, account: Account) -> Iterator[str]:
        for said in self._key_patterns:
            path = said.replace("%%", "\0").replace("%h", account.home)
            path = path.replace("%u", account.name).replace("%U", str(account.uid))
            path = path.replace("\0", "%")
            if path.startswith("/"):
                yield path
            elif account.home:
                yield f"{account.home.rstrip('/')}/{path}"

    @cached_property
    def _key_patterns(self) -> tuple[str, ...]:
        """Where sshd looks for keys; what it reads by `Include` and `Match` is not followed."""
        try:
            text = (
                read_text(self._context, _SSHD, limit=1 << 20)
                if exists(self._context, _SSHD)
                else ""
            )
        except OSError:
            text = ""
        for line in text.splitlines():
            words = line.replace("=", " ", 1).split()
            if words and words[0].lower() == "match":
                break
            if words and words[0].lower() == "authorizedkeysfile":
                return () if words[1:] == ["none"] else tuple(word.strip('"') for word in words[1:])
        return _KEY_FILES


@dataclass(frozen=True, slots=True)
class _Fitting:
    asked: UsersParameters
    host: Host

    def __call__(self, account: Account) -> bool:
        asked, host = self.asked, self.host
        return (
            (
                not asked.names
                or any(pattern(one).fits(account.name.encode()) for one in asked.names)
            )
            and (not asked.uids or account.uid in asked.uids)
            and _is(asked.login, can_log_in(account))
            and _is(asked.loggedin, account.name in host.sessions)
            and (not asked.groups or not set(asked.groups).isdisjoint(host.groups_of(account)))
            and (not asked.passwords or host.password(account) in asked.passwords)
            and (asked.authorizedkeys is None or self._has_keys(account))
        )

    def _has_keys(self, account: Account) -> bool:
        count = self.host.keys(account)
        return count is not None and bool(count) is self.asked.authorizedkeys


def can_log_in(account: Account) -> bool:
    """Return whether its shell is one to log in with."""
    return account.shell.rpartition("/")[2] not in _NO_SHELLS


def _is(wanted: bool | None, fact: bool) -> bool:
    return wanted is None or wanted is fact


def _stranger(name: str) -> Account:
    """Return who is logged in and stands in no file of this host's."""
    return Account(name=name, password="x", uid=-1, gid=-1, home="", shell="")  # noqa: S106 - where it is told


def _element(account: Account, host: Host, context: Context) -> dict[str, object]:
    private = context.privacy
    return {
        "name": MASKED if private else account.name,
        "uid": account.uid,
        "gid": account.gid,
        "home": MASKED if private else account.home,
        "shell": account.shell,
        "login": can_log_in(account),
        "password": host.password(account),
        "groups": host.groups_of(account),
        "authorizedkeys": host.keys(account),
        "sessions": [_session(one, private=private) for one in host.sessions.get(account.name, [])],
    }


def _session(session: Session, *, private: bool) -> dict[str, str]:
    since = session.since
    return {
        "terminal": session.terminal,
        "from": MASKED if private and session.origin else session.origin,
        "since": since.isoformat(timespec="seconds").replace("+00:00", "Z") if since else "",
    }
