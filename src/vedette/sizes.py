"""Sizes as operators write them: `64KiB`, `50MB`, `2GiB`, `1048576`."""

import re

from vedette.errors import Invalid

_SIZE = re.compile(r"([0-9]{1,12})\s*([kKMGT]?i?B|)")
_UNITS = {
    "": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}  # fmt: skip


def size_bytes(text: str) -> int:
    """Return the bytes; raise `Invalid` with an example when it is no size."""
    parts = _SIZE.fullmatch(text.strip())
    if parts is None or parts[2] not in _UNITS:
        raise Invalid(f"{text!r} is not a size", hint="write it as 64KiB, 50MB or 2GiB")
    return int(parts[1]) * _UNITS[parts[2]]
