"""What `vedette up` watches when nobody said: the host it runs on and its own PostgreSQL."""

from pathlib import Path
from typing import Any

from vedette.app.settings import (
    ClusterSettings,
    ComponentSettings,
    ServiceSettings,
    Settings,
    TargetSettings,
)

CATEGORY = "Vedette"
DATABASE = "Vedette database"


def own_settings(*, hostname: str, database: dict[str, Any] | None) -> Settings:
    """Return settings for a first look; database: the connector's settings, None when not ours."""
    services = [ServiceSettings(name=f"Host {hostname}", category=CATEGORY)]
    targets = [
        TargetSettings(
            name=hostname,
            connector="host",
            cluster=hostname,
            component=ComponentSettings(service=f"Host {hostname}"),
        )
    ]
    if database is not None:
        services.append(ServiceSettings(name=DATABASE, category=CATEGORY))
        targets.append(
            TargetSettings(
                name="vedette-postgresql",
                connector="postgres",
                cluster=hostname,
                component=ComponentSettings(service=DATABASE),
                settings=database,
            )
        )
    return Settings(clusters=[ClusterSettings(name=hostname)], services=services, targets=targets)


def embedded_database(socket_folder: Path, password_file: Path, role: str) -> dict[str, Any]:
    """Return how the agent reaches the embedded PostgreSQL: by its private socket."""
    return {
        "host": str(socket_folder),
        "port": 5432,
        "user": role,
        "database": "vedette",
        "password_file": str(password_file),
    }
