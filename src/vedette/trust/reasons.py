"""Why a signature, a trust bundle or an action is refused: one word for each reason."""

from enum import StrEnum

from vedette.errors import Denied


class Reason(StrEnum):
    """The reason of a refusal, as a result names it."""

    NOT_A_SIGNATURE = "not-a-signature"
    NOT_A_KEY = "not-a-key"
    UNKNOWN_KEY = "unknown-key"
    WRONG_SIGNATURE = "wrong-signature"
    WEAK_HASH = "weak-hash"
    WEAK_KEY = "weak-key"
    REVOKED_KEY = "revoked-key"
    EXPIRED_KEY = "expired-key"
    EXPIRED_SIGNATURE = "expired-signature"
    KEY_NOT_FOR_SIGNING = "key-not-for-signing"
    KEY_FROM_FUTURE = "key-from-future"
    SIGNED_IN_FUTURE = "signed-in-future"
    OTHER_NAMESPACE = "other-namespace"
    NOT_TOUCHED = "not-touched"
    DUPLICATE_SIGNER = "duplicate-signer"
    NO_SIGNATURE = "no-signature"
    NOT_A_BUNDLE = "not-a-bundle"
    NO_BUNDLE = "no-bundle"
    OTHER_ROOTS = "other-roots"
    THRESHOLD = "threshold"
    OLDER_BUNDLE = "older-bundle"
    OTHER_BUNDLE = "other-bundle"
    EXPIRED_BUNDLE = "expired-bundle"
    BUNDLE_FROM_FUTURE = "bundle-from-future"
    INACTIVE_INVESTIGATOR = "inactive-investigator"
    NO_MINIMUM = "no-minimum"
    TOO_LITTLE_WEIGHT = "too-little-weight"
    ONE_PERSON = "one-person"
    NO_REASON = "no-reason"
    NO_OPERATIONS = "no-operations"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    VALID_TOO_LONG = "valid-too-long"
    WITHDRAWN = "withdrawn"
    REPLAYED = "replayed"
    TOO_MANY_KEPT = "too-many-kept"


class Untrusted(Denied):
    """Something signed does not count; `reason` is why."""

    def __init__(self, reason: Reason, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
