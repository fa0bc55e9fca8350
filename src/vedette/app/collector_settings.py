"""`collector.yaml`: how a collector is started; flags and `VEDETTE_*` go before it."""

from pathlib import Path

import msgspec

from vedette.agent.host import SpoolRules, refuse_unknown
from vedette.errors import Invalid
from vedette.logs import LogSettings
from vedette.yaml_file import read_yaml

SPOOL = SpoolRules(size="1GiB", age="7d")


class CollectorSettings(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Everything `collector.yaml` may say; each as the flag of its name. Empty: not said."""

    listen: str = "127.0.0.1:4010"
    enrol: str = ""
    reach: str = ""
    server: str = ""
    ca_fingerprint: str = ""
    join_file: str = ""
    name: str = ""
    spool: SpoolRules = SPOOL
    log: LogSettings = LogSettings()


def load_collector_settings(path: Path | None) -> CollectorSettings:
    """Return what the file says, the defaults without one; raises `Invalid` naming the key."""
    if path is None:
        return CollectorSettings()
    said = read_yaml(path).value or {}
    refuse_unknown(said, CollectorSettings, str(path))
    for key, form in (("spool", SpoolRules), ("log", LogSettings)):
        if isinstance(said, dict) and key in said:
            refuse_unknown(said[key], form, f"{path}: {key}")
    if isinstance(said, dict) and isinstance(said.get("spool"), dict):
        said["spool"] = msgspec.structs.asdict(SPOOL) | said["spool"]
    try:
        settings = msgspec.convert(said, CollectorSettings)
    except msgspec.ValidationError as fault:
        raise Invalid(f"{path}: {fault}") from None
    settings.log.checked()
    return settings
