"""A notice for programs, whole, and for a chat, in a few lines."""

import msgspec

from vedette.incidents.notices import Notice
from vedette.web.feeds.letters import House
from vedette.web.feeds.texts import fit
from vedette.web.reader import Reader, read_by

CHAT_LIMIT = 3_000
"""Characters of what was said; chats take a little more in one message."""


def document(house: House, notice: Notice) -> bytes:
    """Return everything the notice says, as JSON; `type` as Standard Webhooks has it."""
    return msgspec.json.encode(
        {
            "type": f"{notice.kind}.{notice.change}",
            "timestamp": notice.at,
            "data": {
                "notice": notice.id,
                "subject": _subject(house, notice),
                "url": house.page(notice),
                "incident": {
                    "id": notice.incident_id,
                    "kind": notice.kind,
                    "title": notice.title,
                    "impact": notice.impact,
                    "status": notice.status,
                    "is_open": notice.is_open,
                    "starts_at": notice.starts_at,
                    "ends_at": notice.ends_at,
                    "places": list(notice.places),
                },
                "is_first": notice.is_first,
                "said": [
                    {"at": said.at, "status": said.status, "text": said.text}
                    for said in notice.said
                ],
                "description": notice.description,
                "postmortem": notice.postmortem,
            },
        }
    )


def chat(house: House, notice: Notice) -> bytes:
    """Return `{"text": …}`, as Slack, Mattermost and their like take it."""
    last = notice.said[-1].text if notice.said else notice.postmortem or notice.description
    parts = [_plain(_subject(house, notice)), _plain(last)[:CHAT_LIMIT], house.page(notice)]
    return msgspec.json.encode({"text": "\n".join(part for part in parts if part)})


def _subject(house: House, notice: Notice) -> str:
    with read_by(Reader(house.language)):
        return house.subject(notice)


def _plain(text: str) -> str:
    """Return text that names nobody and links nowhere: the three characters with a meaning, and the at sign, lose it."""
    text = fit(text).strip().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("@", "@\N{ZERO WIDTH SPACE}")
