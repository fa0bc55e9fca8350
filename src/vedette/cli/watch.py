"""`vedette watch`: what stands, then every change, or every report, as it happens."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from vedette.cli.output import is_coloured, paint, plain
from vedette.cli.where import Asking, data_dir, endpoints, token_of
from vedette.errors import Denied, Invalid, Missing
from vedette.link.clients import Door, Lost, News, Resumed, Told, Wanted
from vedette.link.clients import watch as follow
from vedette.link.report_clients import Look, Looks
from vedette.link.report_clients import follow as follow_reports
from vedette.trust.keys import fetch_authority

Many = Annotated[list[str] | None, Parameter(negative="")]
STATE_WIDTH = len("initialising")
VALUES_SHOWN = 4
"""Measurements on a line for people; `-o json` has all."""


def watch(
    *targets: Annotated[str, Parameter(help="Names of targets; default everything.")],
    component: Many = None,
    cluster: Many = None,
    state: Many = None,
    server: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_SERVER",
            help="HOST:PORT of its clients' door (--grpc-clients), with --cert of its agents' "
            "(--grpc); default the data directory's.",
        ),
    ] = None,
    ca_fingerprint: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_CA_FINGERPRINT",
            help="Of its authority, as it prints it; default the data directory's.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_TOKEN_FILE",
            help="File with a token of scope read; default $VEDETTE_TOKEN, else the data "
            "directory's own.",
        ),
    ] = None,
    cert: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_CLIENT_CERT",
            help="A client's certificate (vedette clients cert) to show instead of a token.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        Parameter(env_var="VEDETTE_CLIENT_KEY", help="Its key; default beside it, as NAME.key."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        Parameter(env_var="VEDETTE_DATA_DIR", help="Where `vedette up` keeps its things."),
    ] = None,
    reports: Annotated[
        bool, Parameter(negative=(), help="Every report with its measurements, not only changes.")
    ] = False,
    once: Annotated[bool, Parameter(negative=(), help="Print what stands and leave.")] = False,
    output: Annotated[
        Literal["table", "json"],
        Parameter(name=["--output", "-o"], help="Lines for people, or a JSON object a line."),
    ] = "table",
) -> None:
    """Show what stands, then every change as it happens, until Ctrl-C.

    A lost connection is said on stderr and taken up again where it ended.

    Parameters
    ----------
    component
        Slug of a component: it and its targets; may stand several times.
    cluster
        Name of a cluster: its targets; may stand several times.
    state
        What is, or just was, in this state, as in down; may stand several times.
    """
    asking = Asking(token_file=token_file, data_dir=data_dir)
    door = _door(server, ca_fingerprint, asking, cert, key)
    wanted = Wanted(
        targets=targets, components=component or (), clusters=cluster or (), states=state or ()
    )
    told = follow_reports(door, wanted) if reports else follow(door, wanted)
    asyncio.run(_follow(told, Printer(output), once=once))


async def _follow(told: AsyncGenerator[Any, None], printer: "Printer", *, once: bool) -> None:
    async with aclosing(told) as stream:
        async for news in stream:
            printer.show(news)
            if once:
                return


class Printer:
    """Prints news as lines: answers on stdout, remarks on the connection on stderr."""

    def __init__(self, output: Literal["table", "json"]) -> None:
        self._as_json = output == "json"
        self._coloured = is_coloured(sys.stdout)

    def show(self, news: News | Looks | Lost | Resumed) -> None:
        """Print one piece of news at once: whoever reads us through a pipe waits for it."""
        match news:
            case Lost(error, again_in_s):
                _remark(f"{error}; trying again in {again_in_s:.1f} s")
            case Resumed():
                _remark("connected again")
            case News(changes, snapshot):
                line = self._json if self._as_json else self._line
                sys.stdout.writelines(f"{line(told, snapshot)}\n" for told in changes)
                sys.stdout.flush()
                if snapshot and not changes:
                    _remark("nothing is watched yet")
            case Looks(looks, snapshot, skipped):
                if skipped:
                    _remark(f"{skipped} reports were skipped: newer ones had come")
                look_line = self._look_json if self._as_json else self._look_line
                sys.stdout.writelines(f"{look_line(look, snapshot)}\n" for look in looks)
                sys.stdout.flush()
                if snapshot and not looks:
                    _remark("nothing has reported yet")

    @staticmethod
    def _look_json(look: Look, snapshot: bool) -> str:
        kind = "snapshot" if snapshot else "report"
        return json.dumps({"kind": kind, **asdict(look), "at": _time(look.at)}, ensure_ascii=False)

    def _look_line(self, look: Look, _: bool) -> str:
        state = look.state.ljust(STATE_WIDTH)
        state = paint(state) if self._coloured else state
        took = "-" if look.rtt_s is None else f"{look.rtt_s * 1000:.1f} ms"
        values = (
            " ".join(plain(part) for part in (it.entity, it.name, f"{it.value:g}", it.unit) if part)
            for it in look.measurements[:VALUES_SHOWN]
        )
        more = len(look.measurements) - VALUES_SHOWN
        rest = f"  and {more} more" if more > 0 else ""
        parts = (state, plain(look.target), took, look.error_class and plain(look.error_class))
        return "  ".join([_time(look.at), *filter(None, parts), ", ".join(values) + rest]).rstrip()

    @staticmethod
    def _json(told: Told, snapshot: bool) -> str:
        kind = "snapshot" if snapshot else "change"
        return json.dumps({"kind": kind, **asdict(told), "at": _time(told.at)}, ensure_ascii=False)

    def _line(self, told: Told, snapshot: bool) -> str:
        now = told.now.ljust(STATE_WIDTH)
        was = "" if snapshot else (told.was or "-").ljust(STATE_WIDTH)
        if self._coloured:
            now, was = paint(now), paint(was)
        move = now if snapshot else f"{was} → {now}"
        about = " ".join(plain(it) for it in (told.error_class, told.reason) if it)
        return f"{_time(told.at)}  {move}  {plain(told.name)}  {about}".rstrip()


def _remark(said: str) -> None:
    sys.stderr.write(f"vedette: {plain(said)}\n")


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _door(
    server: str | None,
    ca_fingerprint: str | None,
    asking: Asking,
    cert: Path | None,
    key: Path | None,
) -> Door:
    """Return the door to knock at; the data directory's token goes to its own server alone."""
    directory = data_dir(asking.data_dir)
    known = endpoints(directory)
    # A gRPC port asks everybody for a certificate, or nobody.
    here = known.get("grpc_clients" if cert is None else "grpc")
    address = server or str(here or "")
    if not address:
        raise Missing(
            f"no server is known in {directory}",
            hint="start one with `vedette up`, or name it with --server or VEDETTE_SERVER",
        )
    is_ours = address == here
    fingerprint = ca_fingerprint or (str(known.get("ca_fingerprint", "")) if is_ours else "")
    if not fingerprint:
        raise Missing(
            f"nothing tells the true server at {address} from a false one",
            hint="give --ca-fingerprint sha256:…, which the server prints at its start",
        )
    shown = _shown(asking, is_ours=is_ours) if cert is None else _certificate(cert, key)
    host, port = host_and_port(address)
    return Door(
        address=f"{host}:{port}" if ":" not in host else f"[{host}]:{port}",
        authority_pem=fetch_authority(host, port, fingerprint),
        **shown,
    )


def _shown(asking: Asking, *, is_ours: bool) -> dict[str, Any]:
    token = token_of(asking) if is_ours else _own_token(asking)
    if token is None:
        raise Denied(
            "there is no token to show", hint="set VEDETTE_TOKEN or --token-file, or give --cert"
        )
    return {"token": token}


def _certificate(cert: Path, key: Path | None) -> dict[str, Any]:
    key = key or cert.with_suffix(".key")
    try:
        return {"certificate_pem": cert.read_bytes(), "key_pem": key.read_bytes()}
    except FileNotFoundError as error:
        raise Missing(
            f"there is no file {error.filename}", hint="make both: vedette clients cert NAME"
        ) from None
    except OSError as error:
        raise Denied(f"{error.filename} cannot be read: {error.strerror}") from None


def _own_token(asking: Asking) -> str | None:
    if asking.token_file is not None:
        return token_of(asking)
    return os.environ.get("VEDETTE_TOKEN", "").strip() or None


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of HOST:PORT or [IPv6]:PORT; raise `Invalid`."""
    host, separator, port = address.strip().rpartition(":")
    bare = host.strip("[]")
    if not separator or not bare or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Invalid(f"{address!r} is not an address", hint="write HOST:PORT, as in vedette:4001")
    if ":" in bare and not host.startswith("["):
        raise Invalid(f"{address!r} is not an address", hint="write [IPv6]:PORT")
    return bare, int(port)
