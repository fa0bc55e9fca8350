"""`vedette act sign NUMBER`: a further person signs what a server holds, read from the bytes themselves."""

import sys

from vedette import clock
from vedette.cli.act_build import check_operations
from vedette.cli.act_looks import document_of
from vedette.cli.act_send import words_of
from vedette.cli.act_shown import sentences
from vedette.cli.act_signing import ready, signed_with
from vedette.cli.client import Client
from vedette.cli.target_meant import agents_meant, hold_meant
from vedette.cli.where import Asking


def sign_there(
    asking: Asking, action_id: int, key: str, *, is_foreign: bool, is_sure: bool
) -> None:
    """Sign the action of that number and hand the signature in.

    What is signed is said first, in words made here of the very bytes, whatever the server calls it.
    Raises Conflict for a no, Invalid for what no module can be asked.
    """
    with Client(asking) as client:
        action = document_of(client, action_id)
        check_operations(action, is_foreign=is_foreign)
        now = clock.now()
        action = ready(action, now=now)
        sys.stderr.writelines(f"{line}\n" for line in sentences(action, now=now))
        hold_meant(agents_meant(client, action.target), is_sure=is_sure)
        body = {"signature": signed_with(action, key).signatures[-1]}
        standing = client.post(f"/api/v1/actions/{action_id}/signatures", body)
    sys.stderr.write(f"vedette: {words_of(standing)}\n")
