"""`openvex`: OpenVEX documents, what a supplier states of vulnerabilities in its products (0.2.0 and 0.0.1).

0.0.1 names vulnerability and products by strings, 0.2.0 by objects; tools mix the two, so both are read in either.
A product's subcomponents narrow a statement down to them. The later statement of a pair wins; they keep their order.
"""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct, field

from vedette.records.documents import Document
from vedette.records.kinds import Context, Family
from vedette.records.kinds._shapes import Name, Text, Word, identifiers, past_time_of
from vedette.records.model import Record, Statement, VexStatus

SOURCE = "openvex"
NAMESPACE = "https://openvex.dev/ns"
VERSIONS = ("", "/v0.0.1", "/v0.2.0")
Id = Annotated[str, Meta(min_length=1, max_length=4_000)]
"""Of a document, a product: an IRI, as a rule a package URL."""


class _Identifiers(Struct, gc=False):
    purl: Annotated[str, Meta(max_length=4_000)] = ""
    cpe22: Word = ""
    cpe23: Word = ""


class _Component(Struct, gc=False):
    id: Annotated[str, Meta(max_length=4_000)] = field(name="@id", default="")
    identifiers: _Identifiers = field(default_factory=_Identifiers)
    hashes: dict[Name, Name] = {}


class _Product(_Component, gc=False):
    subcomponents: list[_Component | Id] | None = None


class _Vulnerability(Struct, gc=False):
    id: Annotated[str, Meta(max_length=4_000)] = field(name="@id", default="")
    name: Word = ""
    aliases: list[Name] | None = None


class _Statement(Struct, gc=False):
    vulnerability: _Vulnerability | Name
    status: VexStatus
    products: list[_Product | Id] | None = None
    subcomponents: list[_Component | Id] | None = None
    justification: Word = ""
    impact_statement: Text = ""
    action_statement: Text = ""
    timestamp: Word = ""
    last_updated: Word = ""


class _Document(Struct, gc=False):
    context: Name = field(name="@context")
    author: Name
    id: Id = field(name="@id")
    statements: list[_Statement]
    timestamp: Word = ""
    last_updated: Word = ""


class OpenVex:
    """OpenVEX documents."""

    name = "openvex"
    description = "OpenVEX: what a supplier states of vulnerabilities in its products"
    family = Family.KNOWLEDGE

    def recognises(self, document: Document) -> bool:
        """Say whether its `@context` is OpenVEX's, of whatever version."""
        context = document.field("@context")
        return isinstance(context, str) and context.startswith(NAMESPACE)

    def read(self, document: Document, context: Context) -> Iterator[Record]:
        """Yield its statements."""
        if not self.recognises(document):
            raise document.refusal(f"it is no OpenVEX document: no `@context` of {NAMESPACE}")
        vex = document.shaped(_Document)
        if vex.context.removeprefix(NAMESPACE).rstrip("/") not in VERSIONS:
            raise document.refusal(
                f"it is of a version not known here: {vex.context[:100]!r}",
                hint="0.2.0 and 0.0.1 are",
            )
        if not vex.statements:
            raise document.refusal("it states nothing: `statements` is empty")
        for number, given in enumerate(vex.statements):
            yield _statement(document, vex, given, f"statements[{number}]", context)


def _statement(
    document: Document, vex: _Document, given: _Statement, place: str, context: Context
) -> Statement:
    products, components = _products(given)
    if not products and context.subject:
        products = (context.subject,)
    if not products:
        raise document.refusal(
            f"{place} names no products", hint="say beside it which subject it is about"
        )
    if given.status is VexStatus.NOT_AFFECTED and not (
        given.justification or given.impact_statement
    ):
        raise document.refusal(f"{place}: not_affected without justification or impact statement")
    return Statement(
        vex.id,
        SOURCE,
        vex.author,
        _names(document, given, place),
        products,
        given.status,
        justification=given.justification,
        impact=given.impact_statement,
        action=given.action_statement,
        at=past_time_of(
            given.last_updated or given.timestamp or vex.last_updated or vex.timestamp, context.now
        ),
        components=components,
    )


def _names(document: Document, given: _Statement, place: str) -> tuple[str, ...]:
    if isinstance(given.vulnerability, str):
        return (given.vulnerability,)
    own = given.vulnerability
    named = (own.name,) if own.name else identifiers(own.id)
    if not named:
        raise document.refusal(f"{place}.vulnerability has no name")
    return tuple(dict.fromkeys((*named, *(own.aliases or ()))))


def _products(given: _Statement) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (products, the components of them it is about; none where it is about a product as a whole).

    A product without subcomponents beside one that has some widens the statement to the whole product there: each
    keeps to itself only in a statement of its own, and a supplier who means that writes two.
    """
    products: dict[str, None] = {}
    components: dict[str, None] = {}
    inner = list(given.subcomponents or ())
    for product in given.products or ():
        products.update(dict.fromkeys(_called(product)))
        if isinstance(product, _Product):
            inner += product.subcomponents or ()
    for component in inner:
        components.update(dict.fromkeys(_called(component)))
    return tuple(products), tuple(components)


def _called(component: _Component | str) -> tuple[str, ...]:
    if isinstance(component, str):
        return (component,)
    own = component.identifiers
    digests = (f"{name.replace('-', '')}:{value}" for name, value in component.hashes.items())
    names = (component.id, own.purl, own.cpe23, own.cpe22, *digests)
    return tuple(dict.fromkeys(name for name in names if name))
