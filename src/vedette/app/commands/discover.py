"""`vedette discover`: what runs here, as settings ready to use."""

import asyncio
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from vedette.cli.output import Listing, plain, show
from vedette.errors import Invalid

if TYPE_CHECKING:
    from vedette.agent.discover import Found
    from vedette.agent.discover_kubernetes import Inventory

_TARGETS = Listing("targets", ("name", "connector", "where", "program", "note"), "name")


def discover(
    *,
    host: bool = True,
    kubeconfig: Annotated[Path | None, Parameter(show_env_var=False)] = None,
    output: Annotated[
        Literal["yaml", "json", "table"], Parameter(name=["--output", "-o"])
    ] = "yaml",
) -> None:
    """Find what listens on this host and in its Kubernetes cluster, and print it as settings.

    Every open port is knocked at, gently and without credentials. What is found is printed on
    stdout, as a file that `vedette config check` accepts; what is done stands on stderr.

    Parameters
    ----------
    host
        Look at this host.
    kubeconfig
        Look into this cluster too. Default: KUBECONFIG, or the cluster of our own pod.
    output
        yaml, json or table.
    """
    found, inventory = asyncio.run(_found(host, kubeconfig))
    targets = _unique([*found, *(inventory.targets if inventory else ())])
    if output == "yaml":
        sys.stdout.write(_yaml(targets, inventory))
        return
    items = [{key: getattr(one, key) for key in (*_TARGETS.columns, "settings")} for one in targets]
    if output == "table":
        show(items, _TARGETS, "table")
        return
    sys.stdout.write(json.dumps(_document(items, inventory), indent=2, ensure_ascii=False) + "\n")


async def _found(host: bool, kubeconfig: Path | None) -> "tuple[list[Found], Inventory | None]":
    from vedette.agent.discover import discover_host
    from vedette.agent.discover_kubernetes import access_for, discover_cluster

    access = access_for(kubeconfig)
    if not host and access is None:
        raise Invalid("there is nothing to look at", hint="--kubeconfig FILE names a cluster")
    found = await discover_host(_progress) if host else []
    inventory = await discover_cluster(access, kubeconfig, _progress) if access else None
    return found, inventory


def _progress(words: str) -> None:
    sys.stderr.write(f"{plain(words)}\n")


def _unique(targets: "Sequence[Found]") -> "list[Found]":
    from dataclasses import replace

    seen: dict[str, int] = {}
    unique = []
    for target in targets:
        times = seen[target.name] = seen.get(target.name, 0) + 1
        unique.append(target if times == 1 else replace(target, name=f"{target.name}-{times}"))
    return unique


def _yaml(targets: "Sequence[Found]", inventory: "Inventory | None") -> str:
    import yaml

    lines = [f"# Found by vedette discover on {plain(socket.gethostname())}."]
    lines += [f"# {words}" for words in _remarks(inventory)]
    lines.append("targets:" if targets else "targets: []")
    for target in targets:
        lines.append("")
        lines.append(f"  # {plain(target.where)}" + _aside(target.program))
        if target.note:
            lines.append(f"  # {plain(target.note[0].upper() + target.note[1:])}.")
        item = {
            "name": target.name,
            "connector": target.connector,
            "every": "30s",
            "settings": target.settings,
        }
        text = yaml.safe_dump([item], sort_keys=False, allow_unicode=True)
        lines += [f"  {line}" for line in text.splitlines()]
    return "\n".join(lines) + "\n"


def _aside(program: str) -> str:
    return f", {plain(program)}" if program else ""


def _remarks(inventory: "Inventory | None") -> list[str]:
    if inventory is None:
        return []
    lines = [f"Namespaces: {plain(inventory.namespaces)}"]
    lines += [
        plain(f"{one.kind} {one.namespace}/{one.name}: {', '.join(one.images)}")
        for one in inventory.workloads
    ]
    lines += [plain(f"not shown: {kind} ({why})") for kind, why in inventory.hidden.items()]
    return lines


def _document(items: list[dict[str, Any]], inventory: "Inventory | None") -> dict[str, Any]:
    document: dict[str, Any] = {"targets": items}
    if inventory is not None:
        document["kubernetes"] = {
            "namespaces": inventory.namespaces,
            "workloads": [
                {
                    "kind": one.kind,
                    "namespace": one.namespace,
                    "name": one.name,
                    "images": list(one.images),
                }
                for one in inventory.workloads
            ],
            "hidden": inventory.hidden,
        }
    return document
