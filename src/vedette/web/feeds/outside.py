"""How the world outside reaches us: addresses in feeds must be whole, and a frame must be allowed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from vedette.web.answers import Request

_HOST = re.compile(rb"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Outside:
    """What the operator says of it.

    url: the status page's address as readers know it, without a slash at the end; "" takes what each
    request was sent to. embed_in: origins whose pages may frame `/embed/summary`.
    """

    url: str = ""
    embed_in: tuple[str, ...] = ()

    def root(self, request: Request) -> str:
        """Return the address of the status page for this reader."""
        if self.url:
            return self.url.rstrip("/")
        host = request.headers.get(b"host", b"")
        if not _HOST.fullmatch(host):
            host = b"localhost"
        return f"{'https' if request.is_secure else 'http'}://{host.decode('ascii')}"

    def here(self, request: Request, asked: Sequence[str]) -> str:
        """Return the whole address that was asked for, with these words of its query."""
        query = {name: value for name, value in request.query.items() if name in asked}
        path = quote(request.scope["path"])
        return f"{self.root(request)}{path}" + (f"?{urlencode(query)}" if query else "")
