"""`vedette clients`: programs that read reports with a certificate instead of a token."""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from cyclopts import App, Parameter

from vedette.cli.client import Client
from vedette.cli.output import Format, Listing, show
from vedette.cli.spans import span
from vedette.cli.where import Asking, data_dir, endpoints
from vedette.errors import Denied, Unavailable
from vedette.trust.keys import make_csr, make_key, write_key
from vedette.trust.names import checked_agent_name

HERE = Asking()
CLIENTS = Listing("clients", ("name", "serial", "made_at", "made_by", "expires_at"), "name")

app = App(name="clients", help="Certify programs that read reports, list and revoke them.")


@app.command
def cert(
    name: str,
    /,
    *,
    to: Annotated[Path, Parameter(name="--dir")] = Path(),
    expires: str = "90d",
    asking: Asking = HERE,
) -> None:
    """Make a key, have it certified, and keep both: NAME.key (0600), NAME.crt and NAME.ca.crt.

    The key never leaves this machine. A NAME.key that is there already is certified again.

    Parameters
    ----------
    to
        Where to write them; default here.
    expires
        How long the certificate is good, as in 90d or 12h; at most 398d.
    """
    checked_agent_name(name)
    key_file, certificate_file = to / f"{name}.key", to / f"{name}.crt"
    authority_file = to / f"{name}.ca.crt"
    try:
        key = key_file.read_bytes() if key_file.exists() else make_key()
        request = make_csr(key, name)
        with Client(asking) as client:
            minutes = span(expires) // timedelta(minutes=1)
            body = {"name": name, "csr": request.decode(), "ttl": f"{minutes}m"}
            made = client.post("/api/v1/clients/certificates", body)
        write_key(key_file, key)
        certificate_file.write_text(made["certificate"], "utf-8")
        authority_file.write_text(made["authority"], "utf-8")
    except PermissionError as error:
        raise Denied(f"{error.filename} is not yours to read or write") from None
    except OSError as error:
        raise Unavailable(f"cannot write to {to}: {error.strerror}") from None
    sys.stdout.writelines(f"{file}\n" for file in (key_file, certificate_file, authority_file))
    _tell_how(asking, key_file, certificate_file, made["expires_at"])


@app.command(name="list")
def list_clients(*, output: Format = "table", asking: Asking = HERE) -> None:
    """List the certificates that are good; a client certified twice stands here twice."""
    with Client(asking) as client:
        show(client.listed("/api/v1/clients"), CLIENTS, output)


@app.command
def revoke(name: str, /, *, asking: Asking = HERE) -> None:
    """End every certificate of a client at once, on every server, and the streams it has open."""
    with Client(asking) as client:
        client.delete(f"/api/v1/clients/{quote(name, safe='')}")


def _tell_how(asking: Asking, key: Path, certificate: Path, until: str) -> None:
    known = endpoints(data_dir(asking.data_dir)) if asking.url is None else {}
    server = known.get("grpc", "HOST:PORT")
    fingerprint = known.get("ca_fingerprint", "sha256:…")
    sys.stderr.write(
        f"good until {until}, at the agents' address (--grpc), which asks for certificates:\n"
        f"  vedette watch --server {server} --ca-fingerprint {fingerprint}"
        f" --cert {certificate} --key {key}\n"
    )
