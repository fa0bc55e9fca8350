"""The nouns of access: scopes, who acts, tokens."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vedette.errors import Invalid


class Scope(StrEnum):
    """What a token may do; `admin` alone contains the others."""

    ADMIN = "admin"
    READ = "read"
    ASK = "ask"
    ASK_CONTENT = "ask:content"
    AGENTS_WRITE = "agents:write"
    TOKENS_WRITE = "tokens:write"
    RECORDS_READ = "records:read"
    RECORDS_WRITE = "records:write"
    INCIDENTS_WRITE = "incidents:write"
    COMPONENT_STATUS = "component_status"
    REPORTS_WRITE = "reports:write"
    ACTIONS_READ = "actions:read"
    ACTIONS_WRITE = "actions:write"
    TRUST_WRITE = "trust:write"

    @property
    def help(self) -> str:
        """What it allows, in a sentence."""
        return SCOPE_HELP[self]


SCOPE_HELP: dict[Scope, str] = {
    Scope.ADMIN: "Everything, also what later versions add.",
    Scope.READ: "Read targets, reports, components, agents and their states.",
    Scope.ASK: "Ask targets what their connectors can be asked, through their agents.",
    Scope.ASK_CONTENT: "Ask also what shows what people wrote: statements, keys, command lines.",
    Scope.AGENTS_WRITE: "Make join tokens, revoke and retire agents.",
    Scope.TOKENS_WRITE: "Make and revoke tokens of scopes one has oneself.",
    Scope.RECORDS_READ: "Read vulnerabilities, validations, SLO values and deployments.",
    Scope.RECORDS_WRITE: "Hand in records of services.",
    Scope.INCIDENTS_WRITE: "Open, update and close incidents and maintenances.",
    Scope.COMPONENT_STATUS: "Post that components fail, as monitoring of other systems does.",
    Scope.REPORTS_WRITE: "Push samples by remote write or OTLP.",
    Scope.ACTIONS_READ: "Read actions, who signed them, and what hosts answered.",
    Scope.ACTIONS_WRITE: "Propose, sign, deny, launch, pause and cancel actions; agents judge them themselves.",
    Scope.TRUST_WRITE: "Hand on trust bundles that the roots signed.",
}


CONTAINED: dict[Scope, frozenset[Scope]] = {
    Scope.INCIDENTS_WRITE: frozenset({Scope.COMPONENT_STATUS}),
    Scope.READ: frozenset({Scope.RECORDS_READ}),
    Scope.ACTIONS_WRITE: frozenset({Scope.ACTIONS_READ}),
}
"""Scopes that come with another one."""


class Role(StrEnum):
    """What a person is here; groups of the provider stand for roles, roles for scopes."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    INVESTIGATOR = "investigator"
    ADMIN = "admin"


VIEWS = frozenset({Scope.READ, Scope.RECORDS_READ})
OPERATES = VIEWS | {Scope.ASK, Scope.INCIDENTS_WRITE, Scope.RECORDS_WRITE}
SCOPES_OF: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: VIEWS,
    Role.OPERATOR: OPERATES,
    Role.INVESTIGATOR: OPERATES | {Scope.ASK_CONTENT, Scope.ACTIONS_WRITE, Scope.TRUST_WRITE},
    Role.ADMIN: frozenset({Scope.ADMIN}),
}


def scopes_of_roles(words: Iterable[str]) -> frozenset[Scope]:
    """Return what these roles may; a role that a newer version knows means nothing to this one."""
    roles = [Role(word) for word in words if word in set(Role)]
    return with_contained(scope for role in roles for scope in SCOPES_OF[role])


def roles_of(words: Iterable[str]) -> tuple[Role, ...]:
    """Return the roles of these words, without repeats; raises Invalid naming the ones there are."""
    found: dict[Role, None] = {}
    for word in words:
        if word not in set(Role):
            raise Invalid(
                f"there is no role called {str(word)[:40]!a}", hint="one of " + ", ".join(Role)
            )
        found[Role(word)] = None
    return tuple(found)


def with_contained(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """Return the scopes and those that come with them."""
    given = frozenset(scopes)
    return given.union(*(CONTAINED.get(scope, frozenset()) for scope in given))


def scopes_of(words: Iterable[str]) -> frozenset[Scope]:
    """Return the scopes of these words; raises Invalid naming the ones there are."""
    found = set()
    for word in words:
        try:
            found.add(Scope(word))
        except ValueError:
            raise Invalid(
                f"there is no scope called {str(word)[:40]!a}", hint="one of " + ", ".join(Scope)
            ) from None
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks, as we know them; `name` is what the audit log keeps, as in `token:ci`."""

    name: str
    scopes: frozenset[Scope] = frozenset()

    def may(self, scope: Scope | str) -> bool:
        """Whether this is allowed: the scope itself, or `admin`."""
        return Scope.ADMIN in self.scopes or scope in self.scopes

    def may_grant(self, scopes: Iterable[Scope]) -> bool:
        """Whether all of these may be handed on: nobody gives away more than they have."""
        return all(self.may(scope) for scope in scopes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token without its secret, which we do not have.

    expires_at: None means never. last_used_at: to the minute; None means never.
    """

    id: int
    name: str
    scopes: Sequence[str]
    made_at: datetime
    made_by: str
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """What a join token was made for.

    agent_name: the name its bearer gets, whatever it wishes; None leaves it the choice.
    tags: our labels for the agent. kind: `agent`, or `collector` that stands in for agents.
    via: the name of the collector its bearer is bound to; None: it comes to the server itself.
    """

    token_id: int
    agent_name: str | None
    tags: Mapping[str, str]
    kind: str = "agent"
    via: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCertificate:
    """A certificate a client may show, without its key, which never came here.

    serial: hexadecimal digits. not_after: from then on it opens no door.
    """

    name: str
    serial: str
    made_at: datetime
    made_by: str
    not_after: datetime
