"""CSAF 2.0 and 2.1: the shape of what is read of it, and what its products are called.

A product stands in branches (vendor, name, version), in a flat list, or comes of a relationship: `openssl as a component
of RHEL 9` is a component in a product. Elsewhere the document names products by identifiers of its own, and groups.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct, field

from vedette.records.documents import Document
from vedette.records.kinds._shapes import Name, Text, Word

Id = Annotated[str, Meta(min_length=1, max_length=1_000)]
Url = Annotated[str, Meta(max_length=4_000)]


class _Identification(Struct, gc=False):
    purl: Url = ""
    purls: list[Url] | None = None
    cpe: Word = ""


class _Product(Struct, gc=False):
    name: Name
    product_id: Id
    helper: _Identification = field(
        name="product_identification_helper", default_factory=_Identification
    )

    def names(self) -> tuple[str, ...]:
        given = (self.helper.purl, *(self.helper.purls or ()), self.helper.cpe, self.name)
        return tuple(dict.fromkeys(name for name in given if name))


class _Branch(Struct, gc=False):
    product: _Product | None = None
    branches: "list[_Branch] | None" = None


class _Relationship(Struct, gc=False):
    full_product_name: _Product
    product_reference: Id
    relates_to_product_reference: Id


class _Group(Struct, gc=False):
    group_id: Id
    product_ids: list[Id]


class Tree(Struct, gc=False):
    """Every product of the document."""

    branches: list[_Branch] | None = None
    full_product_names: list[_Product] | None = None
    relationships: list[_Relationship] | None = None
    product_groups: list[_Group] | None = None

    def products(self) -> Iterator[_Product]:
        """Yield the products that are not made of others."""
        yield from self.full_product_names or ()
        waiting = list(self.branches or ())
        while waiting:
            branch = waiting.pop()
            if branch.product:
                yield branch.product
            waiting += branch.branches or ()


class _Cwe(Struct, gc=False):
    id: Word


class _Identifier(Struct, gc=False):
    text: Word


class _Note(Struct, gc=False):
    category: Word = ""
    text: Text = ""


class _Reference(Struct, gc=False):
    url: Text = ""
    category: Word = ""


class Concerning(Struct, gc=False):
    """Something said of some products, of groups of them, or, naming none, of all."""

    product_ids: list[Id] | None = None
    group_ids: list[Id] | None = None


class Flag(Concerning, gc=False):
    """Why a product is not affected, in one of five words."""

    label: Word = ""


class Threat(Concerning, gc=False):
    """What may happen, or why it will not (`impact`)."""

    category: Word = ""
    details: Text = ""


class Remediation(Concerning, gc=False):
    """What to do."""

    category: Word = ""
    details: Text = ""
    url: Url = ""


class _Cvss(Struct, rename="camel", gc=False):
    vector_string: Word = ""
    base_score: float | None = None
    base_severity: Word = ""


class Scores(Struct, gc=False):
    """Scores of one opinion."""

    cvss_v2: _Cvss | None = None
    cvss_v3: _Cvss | None = None
    cvss_v4: _Cvss | None = None


class _Metric(Struct, gc=False):
    content: Scores = field(default_factory=Scores)


class Status(Struct, gc=False):
    """The products, by what is known of them."""

    first_affected: list[Id] | None = None
    known_affected: list[Id] | None = None
    last_affected: list[Id] | None = None
    first_fixed: list[Id] | None = None
    fixed: list[Id] | None = None
    known_not_affected: list[Id] | None = None
    under_investigation: list[Id] | None = None


class Vulnerability(Struct, gc=False):
    """One vulnerability of some of the products."""

    cve: Word = ""
    ids: list[_Identifier] | None = None
    title: Text = ""
    cwe: _Cwe | None = None
    cwes: list[_Cwe] | None = None
    notes: list[_Note] | None = None
    references: list[_Reference] | None = None
    release_date: Word = ""
    disclosure_date: Word = ""
    product_status: Status = field(default_factory=Status)
    flags: list[Flag] | None = None
    threats: list[Threat] | None = None
    remediations: list[Remediation] | None = None
    scores: list[Scores] | None = None
    metrics: list[_Metric] | None = None


class _Publisher(Struct, gc=False):
    name: Name


class _Tracking(Struct, gc=False):
    id: Id
    current_release_date: Word = ""


class _Severity(Struct, gc=False):
    text: Word = ""


class _Head(Struct, gc=False):
    csaf_version: Word
    publisher: _Publisher
    tracking: _Tracking
    category: Word = ""
    aggregate_severity: _Severity = field(default_factory=_Severity)


class Advisory(Struct, gc=False):
    """A CSAF document."""

    document: _Head
    product_tree: Tree = field(default_factory=Tree)
    vulnerabilities: list[Vulnerability] | None = None


class Named(NamedTuple):
    """What a product identifier stands for: names of the product, and of the component of it that is meant."""

    products: tuple[str, ...]
    components: tuple[str, ...] = ()


class Products:
    """The products of a document, by its identifiers of them."""

    def __init__(self, document: Document, tree: Tree) -> None:
        """Take the tree apart; raise Invalid for a relationship to a product that is not there."""
        self._document = document
        self._named = {one.product_id: Named(one.names()) for one in tree.products()}
        self._groups = {one.group_id: one.product_ids for one in tree.product_groups or ()}
        self._relate(list(enumerate(tree.relationships or ())))

    def _relate(self, waiting: list[tuple[int, _Relationship]]) -> None:
        """Name the products that are made of others; one may be made of one that stands after it."""
        while waiting:
            later = []
            for number, one in waiting:
                whole = self._named.get(one.relates_to_product_reference)
                part = self._named.get(one.product_reference)
                if whole is None or part is None:
                    later.append((number, one))
                    continue
                own = one.full_product_name
                urls = (own.helper.purl, *(own.helper.purls or ()))
                parts = dict.fromkeys((*filter(None, urls), *(part.components or part.products)))
                self._named[own.product_id] = Named(whole.products, tuple(parts))
            if len(later) == len(waiting):
                number, one = later[0]
                raise self._document.refusal(
                    f"product_tree.relationships[{number}] is of a product that is not in product_tree"
                )
            waiting = later

    def of(self, identifier: str, place: str) -> Named:
        """Return what it stands for; raise Invalid when the tree does not say."""
        try:
            return self._named[identifier]
        except KeyError:
            raise self._document.refusal(
                f"{place}: {identifier[:200]!r} is no product of product_tree"
            ) from None

    def are_concerned(self, said: Concerning) -> set[str] | None:
        """Return the identifiers of the products something is said of; None for all."""
        if said.product_ids is None and said.group_ids is None:
            return None
        groups: Iterable[str] = said.group_ids or ()
        inside = (one for group in groups for one in self._groups.get(group, ()))
        return {*(said.product_ids or ()), *inside}
