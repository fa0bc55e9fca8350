"""`vedette trust`: whom agents obey. A bundle on the desk, signed by root keys that stay offline."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from vedette import clock
from vedette.cli.client import Client
from vedette.cli.key_files import root_keys, sign_by
from vedette.cli.output import plain
from vedette.cli.spans import span
from vedette.cli.trust_edit import accept_sha1, add, renew, revoke, roots, withdraw
from vedette.cli.trust_file import HERE, BundleFile, place_of, read_file, write_file
from vedette.cli.trust_rules import grant, group, minimum
from vedette.cli.trust_shown import as_value, pin_of, print_value, sentences
from vedette.cli.trust_signatures import signatures_of, with_signatures
from vedette.cli.where import Asking
from vedette.errors import Conflict, Denied
from vedette.trust.bundle import Bundle, signed_text, write_bundle
from vedette.trust.bundle_edits import begun
from vedette.trust.signed import Signed, write_signed
from vedette.trust.verify import TRUST

SERVER = Asking()

app = App(
    name="trust", help="Say whom agents obey: people, their keys and weights, signed by roots."
)
for edit in (add, revoke, withdraw, group, minimum, grant, accept_sha1, renew, roots):
    app.command(edit)


@app.command
def init(
    fleet: str,
    /,
    *,
    root: Annotated[list[Path], Parameter(negative="")],
    threshold: int = 1,
    valid_for: str = "90d",
    bundle: BundleFile = HERE,
) -> None:
    """Begin a trust bundle: the roots that must sign it, the group `all` of every agent, nobody else.

    Parameters
    ----------
    fleet
        What the hosts are called together, as in example.org.
    root
        The file of a root's public key, OpenPGP or SSH; once for each.
    threshold
        How many of the roots must sign.
    valid_for
        How long agents obey this version; before that, sign another.
    """
    place = place_of(bundle)
    if place.exists():
        raise Conflict(f"{place} is there already", hint="change it, or name another by --bundle")
    made = begun(fleet, root_keys(root), threshold, now=clock.now(), valid_for=span(valid_for))
    write_file(place, Signed(write_bundle(made)))
    sys.stdout.write(f"{pin_of(made)}\n")
    sys.stderr.write(f"vedette: {place} is version 1; pin the roots on every host as above\n")


@app.command
def show(
    *,
    output: Annotated[
        Literal["text", "json", "yaml"], Parameter(name=["--output", "-o"], help="How to print it.")
    ] = "text",
    bundle: BundleFile = HERE,
) -> None:
    """Say in plain words whom agents obey by this bundle, who signed it, and how to pin its roots."""
    signed, held = read_file(bundle)
    if output == "text":
        sys.stdout.writelines(f"{line}\n" for line in sentences(signed, held, now=clock.now()))
    else:
        print_value(as_value(signed, held, now=clock.now()), output)


@app.command
def sign(
    *,
    key: Annotated[
        str, Parameter(help="An SSH key's file (.pub: by ssh-agent), or a key of gpg's.")
    ],
    bundle: BundleFile = HERE,
) -> None:
    """Add one root's signature to the bundle, over the same bytes as the others'."""
    signed, held = read_file(bundle)
    signature = sign_by(key, signed_text(signed.document), namespace=TRUST)
    _sign_with(bundle, signed, held, [signature])


@app.command
def gather(copies: list[Path], /, *, bundle: BundleFile = HERE) -> None:
    """Take the signatures from copies that other roots signed on their own machines.

    Parameters
    ----------
    copies
        Files of the same version, byte for byte.
    """
    signed, held = read_file(bundle)
    found: list[str] = []
    for copy in copies:
        other, _ = read_file(copy)
        if other.document != signed.document:
            raise Conflict(f"{copy} is another bundle than {place_of(bundle)}; none was taken")
        found += other.signatures
    _sign_with(bundle, signed, held, found)


@app.command
def push(
    *,
    new_roots: Annotated[bool, Parameter(negative="")] = False,
    bundle: BundleFile = HERE,
    asking: Asking = SERVER,
) -> None:
    """Hand the signed bundle to a server, which hands it to the agents; they judge it themselves.

    Parameters
    ----------
    new_roots
        The roots are others than those of the bundle the server has.
    """
    signed, held = read_file(bundle)
    found = signatures_of(signed, held, now=clock.now())
    if found.wrong:
        raise Denied(
            f"agents refuse the bundle for a signature under it: {found.wrong[0]}",
            hint="vedette trust sign takes it out",
        )
    for aside in found.aside:
        sys.stderr.write(f"vedette: a signature does not count: {plain(aside)}\n")
    if len(found.counting) < held.roots.threshold:
        raise Denied(
            f"{len(found.counting)} of {held.roots.threshold} roots signed version {held.version}",
            hint="vedette trust sign --key …",
        )
    with Client(asking) as client:
        changed = {"new_roots": "true"} if new_roots else {}
        client.upload("/api/v1/trust/bundle", write_signed(signed), method="PUT", **changed)
    sys.stderr.write(f"vedette: version {held.version} is with {client.url}\n")


def _sign_with(path: Path, signed: Signed, held: Bundle, signatures: list[str]) -> None:
    """Write the bundle with the signatures added; what does not count is left out, and said."""
    now = clock.now()
    found = signatures_of(signed, held, now=now)
    for wrong in (*found.aside, *found.wrong):
        sys.stderr.write(f"vedette: a signature is taken out: {wrong}\n")
    signed = with_signatures(signed, held, signatures, now=now)
    write_file(path, signed)
    number = len(signed.signatures)
    told = f"{number} of {held.roots.threshold} roots signed version {held.version}"
    sys.stderr.write(f"vedette: {told}\n")
