"""Which programs and chats are told of incidents: what the section `notices` says of webhooks."""

from base64 import b64decode
from collections.abc import Sequence

from vedette.access.provider_http import refuse_open_url
from vedette.errors import Invalid, Missing
from vedette.incidents.webhook import Webhook

SECRET_VARIABLE = "VEDETTE_NOTICES_WEBHOOK_SECRET"  # noqa: S105 - its name
SECRET_BYTES = 24
"""At least; as Standard Webhooks has it."""
PREFIX = "whsec_"
URL_LIMIT = 2_000


def hooks_of(webhooks: Sequence[str], chats: Sequence[str], secret: str) -> tuple[Webhook, ...]:
    """Return where notices go over HTTP; raises Invalid, and Missing without a secret to sign with."""
    for url in (*webhooks, *chats):
        refuse_open_url(url[:URL_LIMIT], "the address of a webhook")
    if webhooks and not secret:
        raise Missing(
            "webhooks are signed, and there is no secret to sign with",
            hint=f"--notices-webhook-secret-file or {SECRET_VARIABLE}",
        )
    key = _key(secret) if webhooks else b""
    return (
        *(Webhook(url=url, secret=key) for url in dict.fromkeys(webhooks)),
        *(Webhook(url=url) for url in dict.fromkeys(chats)),
    )


def _key(secret: str) -> bytes:
    """Return the bytes of `whsec_BASE64`, or of the text itself."""
    try:
        is_coded = secret.startswith(PREFIX)
        key = b64decode(secret.removeprefix(PREFIX), validate=True) if is_coded else secret.encode()
    except ValueError:
        raise Invalid(f"the secret of webhooks is no base64 after {PREFIX}") from None
    if len(key) < SECRET_BYTES:
        raise Invalid(
            f"the secret of webhooks is shorter than {SECRET_BYTES} bytes",
            hint=f'echo "{PREFIX}$(openssl rand -base64 32)"',
        )
    return key
