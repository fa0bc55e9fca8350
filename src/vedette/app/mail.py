"""Notices to people and programs, put together: who writes, by which way, to whom."""

from collections.abc import Sequence
from datetime import datetime

from vedette.db.queries import Connection
from vedette.incidents.notices import Letters, Notice
from vedette.incidents.notices_sent import send_notices
from vedette.incidents.smtp import MailServer
from vedette.incidents.webhook import Webhook
from vedette.web.feeds.hooks import chat, document
from vedette.web.feeds.letters import House


class Mail:
    """What a server tells by mail and by webhook; to whom nobody is named, nothing."""

    def __init__(
        self,
        house: House,
        server: MailServer | None,
        to: Sequence[str],
        hooks: Sequence[Webhook] = (),
    ) -> None:
        self.letters = Letters(house.write)
        self._house = house
        self._server = server
        self._hooks = {hook.name: hook for hook in hooks}
        self._to = [*(to if server else ()), *self._hooks]

    async def run_once(self, conn: Connection, /, *, now: datetime) -> int:
        """Send what is new; return how many notices went out."""

        async def send(notice: Notice, to: str) -> None:
            hook = self._hooks.get(to)
            if hook is not None:
                body = (chat if hook.is_chat else document)(self._house, notice)
                await hook.send(notice.id, body, now=now)
            elif self._server is not None:
                await self._server.send(self.letters.write(notice, to), to)

        return await send_notices(conn, to=self._to, send=send, now=now)
