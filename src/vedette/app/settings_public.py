"""What the settings file says of the world outside: our address as readers know it, and who may frame us."""

from typing import Annotated

from msgspec import Meta, Struct, field

from vedette.web.feeds.outside import Outside

# `$` alone would let a line break stand at the end, and these texts become headers.
Url = Annotated[str, Meta(pattern=r"^https?://[A-Za-z0-9.\[\]:_~/-]+$(?!\n)", max_length=300)]
Origin = Annotated[
    str, Meta(pattern=r"^https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?$(?!\n)", max_length=300)
]


class PublicSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the world outside reaches the status page; read at the start."""

    url: Annotated[
        Url | None,
        Meta(
            description="Its address in feeds and documents; default where each request was sent."
        ),
    ] = None
    embed_in: Annotated[
        list[Origin],
        Meta(description="Origins whose pages may frame `/embed/summary`; default none."),
    ] = field(default_factory=list)

    def outside(self) -> Outside:
        """Return what the pages are told of it."""
        return Outside(url=self.url or "", embed_in=tuple(self.embed_in))
