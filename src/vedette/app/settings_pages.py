"""What the settings file says of how the pages look."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, field

from vedette.web.theme import FooterLink, Theme

Colour = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$")]


class FooterLinkSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link at the foot of every page."""

    text: Annotated[str, Meta(min_length=1, max_length=100, description="What it says.")]
    url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://|mailto:|/)",
            max_length=500,
            description="Where it leads: https://…, mailto:… or a path of ours.",
        ),
    ]


class PagesSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the pages look; read at the start."""

    title: Annotated[
        str, Meta(min_length=1, max_length=100, description="Stands at the head of every page.")
    ] = "Status"
    logo: Annotated[
        str | None, Meta(description="File (.svg, .png, .webp; 256 KiB at most) beside the title.")
    ] = None
    accent: Annotated[
        Colour | None,
        Meta(description="Colour of links and buttons, #rrggbb; contrast at least 4.5 on white."),
    ] = None
    accent_dark: Annotated[
        Colour | None, Meta(description="The same on dark ground; contrast at least 4.5 there.")
    ] = None
    footer_links: Annotated[
        list[FooterLinkSettings], Meta(max_length=20, description="Links at the foot.")
    ] = field(default_factory=list)
    templates: Annotated[
        str | None, Meta(description="Folder of templates that go before ours of the same name.")
    ] = None

    def theme(self) -> Theme:
        """Return what the pages wear; raises Invalid where it cannot be worn."""
        return Theme(
            title=self.title,
            logo=Path(self.logo) if self.logo else None,
            accent=self.accent or "",
            accent_dark=self.accent_dark or "",
            footer_links=tuple(FooterLink(link.text, link.url) for link in self.footer_links),
            templates=Path(self.templates) if self.templates else None,
        )
