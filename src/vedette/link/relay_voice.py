"""How an agent speaks through a collector: everything signed, batches with the meaning of their numbers."""

from collections.abc import Iterator
from uuid import UUID

from vedette.link import vedette_pb2 as pb
from vedette.link.dictionary import Dictionary
from vedette.link.relay_signature import Signer, digest


class Voice:
    """One run's signatures; `begin` with each stream."""

    def __init__(self, key_pem: bytes, run_id: str) -> None:
        self._signer = Signer(key_pem, UUID(run_id).bytes)
        self._said: set[bytes] = set()
        self._digests: dict[int, list[bytes]] = {}
        self._generation = 0

    @property
    def public_key(self) -> bytes:
        """The key's DER, by which others check."""
        return self._signer.public_key

    def begin(self) -> None:
        """Forget what was explained on an earlier stream."""
        self._said.clear()

    def message(self, frame: bytes, *, seq: int = 0) -> bytes:
        """Return the FromAgent that holds this one signed."""
        return pb.FromAgent(signed=self.sign(frame, seq=seq)).SerializeToString()

    def sign(self, frame: bytes, *, seq: int = 0) -> pb.Signed:
        """Return the frame signed."""
        return self._signer.sign(frame, seq=seq)

    def batch(
        self, frame: bytes, seq: int, layouts: set[int], errors: set[int], dictionary: Dictionary
    ) -> Iterator[bytes]:
        """Yield the messages of a batch: layouts not yet explained on this stream, then itself."""
        if dictionary.generation != self._generation:
            self._generation = dictionary.generation
            self._digests.clear()
        terms = pb.Terms()
        for define in dictionary.define([], errors):
            terms.error_classes.extend(define.error_classes)
        for ref in sorted(layouts):
            if ref not in self._digests or not self._said.issuperset(self._digests[ref]):
                yield from self._explain(ref, dictionary)
            terms.layouts.add(ref=ref, digests=self._digests[ref])
        signed = self._signer.sign(frame, seq=seq, terms=terms.SerializeToString())
        yield pb.FromAgent(signed=signed).SerializeToString()

    def _explain(self, ref: int, dictionary: Dictionary) -> Iterator[bytes]:
        digests = []
        for define in dictionary.define([ref], []):
            for piece in define.layouts:
                piece.ref = 0
                serialised = piece.SerializeToString()
                named = digest(serialised)
                digests.append(named)
                if named not in self._said:
                    self._said.add(named)
                    signed = pb.Signed(layouts=[serialised])
                    yield pb.FromAgent(signed=signed).SerializeToString()
        self._digests[ref] = digests
