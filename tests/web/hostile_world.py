"""What an attacker would write, every field to write it into, and what must not come of it."""

from html.parser import HTMLParser

from psycopg.types.json import Jsonb
from tests import factories as make
from tests.factories import NOON, at

from vedette.incidents import writes
from vedette.incidents.model import Draft, Impact, Kind, Status

EVIL = "</script></title></style></textarea></svg>]]>--><script>window.pwned=1</script>"
ATTACKS = {
    "tags": EVIL,
    "attributes": "\"'><img src=x onerror=window.pwned=1><svg/onload=window.pwned=1>",
    "lines": "a\r\nX-Evil: 1\r\n\r\nBEGIN:VEVENT\r\nATTENDEE:mailto:x@x\nBcc: x@example.org\u2028\u0085\x0b\x1b[31m",
    "markdown": "[a](javascript:window.pwned=1) ![b](x) <a href=data:text/html,x>c</a> `</code><script>window.pwned=1</script>`",
    "templates": "{{ 7*7 }}{% set x %}${7*7}%0d%0aX-Evil: 1",
}
FORBIDDEN = {"script", "img", "iframe", "object", "embed"}


class Tags(HTMLParser):
    """Every tag as a browser would find it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def assert_harmless(html, *, svg=True):
    """No tag, attribute or address that the author brought."""
    for tag, attributes in Tags(html).found:
        assert tag not in FORBIDDEN | (set() if svg else {"svg"})
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "action"):
            address = str(attributes.get(name) or "").strip().lower()
            assert not address.startswith(("javascript:", "data:text", "vbscript:")), address


async def fill(conn, attack):
    """Write it into every field there is, as an import would: past every check of ours."""
    name = attack[:190]
    component = await make.make_component(
        conn, name, region=name, category=name, type=name, state="down", reason=attack
    )
    await conn.execute(
        "UPDATE fleet.component SET slug = 'evil', attributes = attributes || %s WHERE id = %s",
        (Jsonb({name: name}), component),
    )
    ids = {"slug": "evil", "component": component}
    for kind, impact, status, ends in (
        (Kind.INCIDENT, Impact.OUTAGE, Status.FIXING, None),
        (Kind.MAINTENANCE, Impact.MAINTENANCE, Status.PLANNED, at("15:00")),
        (Kind.INFO, Impact.MAINTENANCE, Status.ACTIVE, None),
    ):
        draft = Draft(
            kind=kind, title=attack[:300], description=attack, impact=impact, status=status,
            starts_at=at("14:00") if kind is Kind.MAINTENANCE else at("11:00"), ends_at=ends, published_at=NOON, components=[component],
        )  # fmt: skip
        number = await writes.insert(conn, draft, by=attack, now=NOON)
        for internal in (False, True):
            await writes.say(conn, number, status, attack, at=NOON, by=attack, now=NOON, internal=internal)  # fmt: skip
        await conn.execute(
            "UPDATE incidents.incident SET postmortem = %s, postmortem_at = %s WHERE id = %s",
            (attack, NOON, number),
        )
        await writes.settle(conn, [number], "open", by=attack, now=NOON, detail={attack: attack})
        ids[str(kind)] = number
    ids["series"] = await fill_series(conn, component, attack)
    await conn.execute(
        "UPDATE incidents.incident SET series_id = %s, occurrence_at = starts_at WHERE id = %s",
        (ids["series"], ids["maintenance"]),
    )
    await conn.execute(
        "INSERT INTO incidents.template (name, kind, title, text, made_at, made_by)"
        " VALUES (%(n)s, 'incident', %(t)s, %(a)s, now(), %(a)s)",
        {"n": name[:100], "t": attack[:300], "a": attack},
    )
    return ids


async def fill_series(conn, component, attack):
    """Plan a maintenance that comes again, past every check but those of its time; return its number."""
    row = await conn.execute(
        "INSERT INTO incidents.series (title, description, schedule, zone, lasts, from_at, planned_to,"
        " components, made_at, made_by)"
        " VALUES (%(t)s, %(a)s, '0 15 * * 6', 'UTC', '1 hour', %(n)s, %(n)s, %(c)s, %(n)s, %(a)s) RETURNING id",
        {"t": attack[:300], "a": attack, "n": NOON, "c": [component]},
    )  # fmt: skip
    (number,) = await row.fetchone()
    return number
