"""Words to begin with: templates of incidents, kept by name."""

from dataclasses import asdict, dataclass
from datetime import datetime

from vedette.access.audit import write_audit
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid, Missing
from vedette.incidents.model import Impact, Kind
from vedette.incidents.rules import check_impact
from vedette.incidents.texts import checked_text, checked_title
from vedette.trust.names import checked_name, plain_text

Q = load(__file__, "templates.sql")

NAME_LIMIT = 100
"""Characters; the table holds the same limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a template offers: "" and None leave it to whoever uses it."""

    kind: Kind = Kind.INCIDENT
    title: str = ""
    text: str = ""
    impact: Impact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template; version goes up by one with every change."""

    name: str
    kind: Kind
    title: str
    text: str
    impact: Impact | None
    version: int
    made_at: datetime
    made_by: str

    def __post_init__(self) -> None:
        """Read the plain words of a database row."""
        object.__setattr__(self, "kind", Kind(self.kind))
        if self.impact is not None:
            object.__setattr__(self, "impact", Impact(self.impact))


async def templates(conn: Connection) -> list[Template]:
    """Return every template by name."""
    return await Q.all(conn, "templates", row=Template, name=None)


async def template(conn: Connection, name: str) -> Template:
    """Return the template of this name; raises Missing."""
    plain = plain_text(name, limit=NAME_LIMIT + 1)
    found = await Q.one(conn, "templates", row=Template, name=plain)
    if found is None:
        raise Missing(
            f"no template is called {name[:80]!a}", hint="`vedette incidents templates list`"
        )
    return found


async def keep_template(
    conn: Connection,
    name: str,
    words: Words,
    *,
    by: str,
    now: datetime,
    version: int | None = None,
) -> Template:
    """Make the template of this name, or change it; return it as it is then.

    version: what the author read, 0 for one that must not be there yet. Raises Invalid or Conflict.
    """
    name = checked_name(name, field="name of the template")
    if len(name) > NAME_LIMIT:
        raise Invalid(f"the name is {len(name)} characters long, the limit is {NAME_LIMIT}")
    if words.impact is not None:
        check_impact(words.kind, words.impact)
    row = asdict(words)
    row["title"] = checked_title(words.title) if words.title else ""
    row["text"] = checked_text(words.text)
    async with conn.transaction():
        held = await Q.value(conn, "version", name=name) or 0
        if version is not None and version != held:
            raise Conflict(
                f"the template {name!r} was changed meanwhile (version {held}, yours {version})",
                hint="read it again and decide anew",
            )
        kept = await Q.one(conn, "keep", row=Template, name=name, **row, by=by, now=now)
        if kept is None or kept.version != held + 1:
            raise Conflict(f"somebody else keeps the template {name!r} just now", hint="try again")
        await write_audit(conn, actor=by, action="template.keep", object=f"template:{name}")
    return kept


async def drop_template(conn: Connection, name: str, *, by: str) -> None:
    """Forget a template; what was opened with it stays. Raises Missing."""
    async with conn.transaction():
        held = await template(conn, name)
        await Q.run(conn, "drop", name=held.name)
        await write_audit(conn, actor=by, action="template.drop", object=f"template:{held.name}")
