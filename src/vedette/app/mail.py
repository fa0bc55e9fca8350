"""Notices as mail, put together: who writes, through which server, to whom."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection
from vedette.incidents.notices import Letters, Notice
from vedette.incidents.notices_sent import send_notices
from vedette.incidents.smtp import MailServer
from vedette.web.feeds.letters import House


class Mail:
    """What a server tells people by mail; without a mail server, nothing."""

    def __init__(self, house: House, server: MailServer | None, to: Sequence[str]) -> None:
        self.letters = Letters(house.write)
        self._server = server
        self._to = to

    async def run_once(self, conn: Connection, /, *, now: datetime) -> int:
        """Send what is new; return how many mails went out."""
        server = self._server
        if server is None:
            return 0

        async def send(notice: Notice, to: str) -> None:
            await server.send(self.letters.write(notice, to), to)

        return await send_notices(conn, to=self._to, send=send, now=now)
