"""What all reports of Trivy's operator have: the object that they are about, told by labels."""

from msgspec import Struct

from vedette.records.kinds._shapes import Text, Word

SOURCE = "trivy-operator"
_PREFIX = "trivy-operator."


class _Owner(Struct):
    kind: Word = ""
    name: Word = ""


class ObjectMetadata(Struct, rename="camel"):
    """Of a report, whose labels name its object. A name too long for a label stands in an annotation."""

    name: Word = ""
    namespace: Word = ""
    labels: dict[str, Word] | None = None
    annotations: dict[str, Text] | None = None
    owner_references: list[_Owner] | None = None

    @property
    def object(self) -> tuple[str, str, str]:
        """Return (namespace, kind, name) of the object; "" for what nobody says."""
        owner = (self.owner_references or [_Owner()])[0]
        return (
            self._told("resource.namespace") or self.namespace,
            self._told("resource.kind") or owner.kind,
            self._told("resource.name") or owner.name,
        )

    @property
    def container(self) -> str:
        """Return the container's name, or ""."""
        return self._told("container.name")

    def _told(self, key: str) -> str:
        for told in (self.labels or {}, self.annotations or {}):
            if told.get(_PREFIX + key):
                return told[_PREFIX + key]
        return ""


class Scanner(Struct):
    """Who looked."""

    name: Word = ""
    version: Word = ""


class Registry(Struct):
    """Where the image comes from."""

    server: Word = ""


class Artifact(Struct):
    """The image. digest: not every registry tells it."""

    repository: Word = ""
    digest: Word = ""
    tag: Word = ""
