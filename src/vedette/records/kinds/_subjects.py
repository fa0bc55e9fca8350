"""What was looked at: an image by its names, or what whoever applies a document says of it."""

from vedette.records.documents import Document
from vedette.records.kinds import Context
from vedette.records.kinds._shapes import part_image
from vedette.records.model import Subject, SubjectKind

_WORDS = {kind.value: kind for kind in SubjectKind if kind is not SubjectKind.IMAGE}


def image(name: str, *digests: str) -> Subject:
    """Return the image of that name; its digest is the first that is one, `sha256:…` or `name@sha256:…`."""
    repository, tag, own = part_image(name)
    known = (digest.rpartition("@")[2] for digest in (own, *digests))
    digest = next((digest for digest in known if ":" in digest), "")
    return Subject(SubjectKind.IMAGE, repository or name, digest, tag)


def given_subject(context: Context) -> Subject | None:
    """Return what whoever applies the document says was looked at: `image`, `host:NAME`, …; None if nothing."""
    if not context.subject:
        return None
    word, _, name = context.subject.partition(":")
    if name and word in _WORDS:
        return Subject(_WORDS[word], name)
    return image(context.subject)


def subject_or_refusal(document: Document, context: Context) -> Subject:
    """Return what was said to be looked at; raise Invalid when nobody says."""
    subject = given_subject(context)
    if subject is None:
        raise document.refusal(
            "it does not say what was looked at",
            hint="say it beside: the name of an image, `host:NAME`, `repository:NAME` or `file:PATH`",
        )
    return subject
