"""Components that are made up, to look at pages that are full; `purge` takes them back."""

from collections.abc import Iterable
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.errors import Conflict
from vedette.fleet.assign import Q as ASSIGN
from vedette.fleet.catalog_rules import DEMO
from vedette.fleet.declare import keep_components, keep_names
from vedette.fleet.provision import rows_of

Q = load(__file__, "demo.sql")

REGIONS = ("Demo North", "Demo South")
"""Nobody calls a region so: what is made up stands apart from what is real, and says what it is."""

OFFERED: tuple[tuple[str, str, str], ...] = (
    ("Compute", "Virtual Machines", "vm"),
    ("Compute", "Container Engine", "k8s"),
    ("Compute", "Functions", "faas"),
    ("Compute", "Images", "image"),
    ("Storage", "Object Storage", "s3"),
    ("Storage", "Block Storage", "disk"),
    ("Storage", "File Storage", "nfs"),
    ("Storage", "Backup", "backup"),
    ("Database", "Relational Database", "rds"),
    ("Database", "Document Database", "docs"),
    ("Database", "Cache", "cache"),
    ("Network", "Load Balancer", "lb"),
    ("Network", "Virtual Network", "vpc"),
    ("Network", "Name Service", "dns"),
    ("Network", "VPN", "vpn"),
    ("Application", "Message Queue", "mq"),
    ("Application", "Mail", "smtp"),
    ("Security", "Identity", "iam"),
    ("Security", "Key Store", "kms"),
    ("Management", "Console", "console"),
    ("Management", "Metrics", "metrics"),
    ("Management", "Logs", "logs"),
)
"""Category, service and type."""


async def make_components(conn: Connection, *, born_at: datetime) -> Iterable[tuple[int, str]]:
    """Add them, and return their ids with their services; the fleet's lock is held.

    Raises Conflict when there are components in these regions already.
    """
    if await Q.value(conn, "elsewhere", regions=list(REGIONS)):
        raise Conflict(
            f"there are components in {REGIONS[0]!r} or {REGIONS[1]!r} already",
            hint="a demo is taken back with: vedette bootstrap purge --yes",
        )
    rows = rows_of(
        {
            (service, region, type_): {"category": category, "region": region, "type": type_}
            for region in REGIONS
            for category, service, type_ in OFFERED
        }
    )
    # The category of a service belongs to whoever declares it; these have theirs as an attribute.
    rows.services.update(dict.fromkeys(rows.services))
    await keep_names(conn, rows)
    await keep_components(conn, rows, DEMO)
    await ASSIGN.run(conn, "notify_targets")
    return [
        (id_, service) for id_, service in await Q.all(conn, "bear", origin=DEMO, born_at=born_at)
    ]
