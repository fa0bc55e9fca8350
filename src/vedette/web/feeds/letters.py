"""A notice as a mail (RFC 5322): words for people who read plain text, HTML for the others.

Nothing an author wrote becomes a header, a tag or a line of the protocol: the subject is made one line,
HTML is drawn by `markdown.html_of`, and the library folds and encodes what is left.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import urlsplit

from markupsafe import Markup

from vedette.incidents.model import Kind, Status
from vedette.incidents.notices import Notice
from vedette.web.feeds.texts import clock, fit
from vedette.web.languages import ENGLISH
from vedette.web.markdown import html_of
from vedette.web.reader import Reader, gettext, read_by
from vedette.web.stories import impact_word, status_word
from vedette.web.templates import render

SUBJECT_LIMIT = 200
"""Characters; what is longer is cut, its title stands in the letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Who writes. title: the status page's; url: its address, "" where none is set; sender: an address."""

    title: str = "Status"
    url: str = ""
    sender: str = "status@localhost"
    language: str = ENGLISH

    @property
    def domain(self) -> str:
        """Return under whose name messages are numbered."""
        own = urlsplit(self.url).hostname or self.sender.rpartition("@")[2]
        # What is no name of a host would not be an identifier either.
        return own if ":" not in own else f"[{own}]"

    def write(self, notice: Notice, to: str) -> EmailMessage:
        """Return the notice as a message to this address; the same each time it is asked for."""
        with read_by(Reader(self.language)):
            return self._write(notice, to)

    def _write(self, notice: Notice, to: str) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(one_line(self.title), addr_spec=self.sender)
        message["To"] = Address(addr_spec=to)
        message["Subject"] = self.subject(notice)
        message["Date"] = notice.at
        for name, value in self._threading(notice):
            message[name] = value
        message["List-Id"] = f"<incidents.{self.domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["Content-Language"] = self.language
        message.set_content(self.text(notice))
        message.add_alternative(self.html(notice), subtype="html")
        for part in message.iter_parts():
            del part["MIME-Version"]
        return message

    def subject(self, notice: Notice) -> str:
        """Return one line: whose, what happened, to what."""
        return one_line(f"[{self.title}] {_word(notice)}: {notice.title}")[:SUBJECT_LIMIT]

    def page(self, notice: Notice) -> str:
        """Return the address of its incident's page; "" where ours is not known."""
        return f"{self.url.rstrip('/')}/incidents/{notice.incident_id}" if self.url else ""

    def text(self, notice: Notice) -> str:
        """Return the words alone; Markdown stays as it was written."""
        lines = [one_line(notice.title), _word(notice), ""]
        for said in notice.said:
            lines += [f"{clock(said.at)} - {status_word(said.status)}"]
            lines += [_plain(said.text), ""] if said.text else [""]
        lines += [_plain(text) + "\n" for text in (notice.postmortem, notice.description) if text]
        lines += [f"{name}: {value}" for name, value in _facts(notice)]
        if self.url:
            lines += ["", self.page(notice)]
        return "\n".join([*lines, "", "-- ", self._why()]) + "\n"

    def html(self, notice: Notice) -> str:
        """Return the same as HTML, without anything that would be fetched."""
        return render(
            "mail.html",
            language=self.language,
            title=one_line(notice.title),
            word=_word(notice),
            said=[(clock(s.at), status_word(s.status), self._drawn(s.text)) for s in notice.said],
            told=[self._drawn(text) for text in (notice.postmortem, notice.description) if text],
            facts=list(_facts(notice)),
            page=self.page(notice),
            why=self._why(),
        ).decode()

    def _threading(self, notice: Notice) -> Iterator[tuple[str, str]]:
        """Yield what makes one conversation of an incident, also for whoever was named later."""
        stamp = int(notice.begun_at.timestamp())
        began = f"<incident-{notice.incident_id}.{stamp}@{self.domain}>"
        if notice.is_first:
            yield "Message-ID", began
            return
        yield "Message-ID", f"<notice-{notice.id}.{stamp}@{self.domain}>"
        yield "In-Reply-To", began
        yield "References", began

    def _drawn(self, text: str) -> Markup:
        # A path of ours leads nowhere in a mail.
        return Markup(html_of(fit(text)).replace('href="/', f'href="{self.url.rstrip("/")}/'))  # noqa: S704 - cleaned by html_of

    def _why(self) -> str:
        words = gettext("You read this because whoever runs {house} named your address.")
        return words.replace("{house}", one_line(self.title))


def one_line(text: str) -> str:
    """Return the text as one line without control characters, so that it can be a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in fit(text)).split())


def _plain(text: str) -> str:
    return fit(text).replace("\r\n", "\n").replace("\r", "\n").strip()


def _word(notice: Notice) -> str:
    """Return what happened in a word or two: what broke at first, then where it stands."""
    if notice.is_postmortem:
        return gettext("Post-mortem")
    if notice.is_first and notice.last_status != Status.RESOLVED:
        return impact_word(notice.kind, notice.impact)
    return status_word(notice.last_status)


def _facts(notice: Notice) -> Iterator[tuple[str, str]]:
    if notice.kind is not Kind.INFO:
        yield gettext("Impact"), impact_word(notice.kind, notice.impact)
    if notice.places:
        yield gettext("Affected"), one_line(", ".join(notice.places))
    yield gettext("Start"), clock(notice.starts_at)
    if notice.ends_at:
        is_planned = notice.is_open and notice.kind is Kind.MAINTENANCE
        yield gettext("Planned end") if is_planned else gettext("End"), clock(notice.ends_at)
