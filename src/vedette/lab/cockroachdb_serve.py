"""`python -m vedette.lab.cockroachdb_serve PORT…`: a played CockroachDB cluster, one node a port."""

import asyncio
import random
import sys

from vedette.lab.cockroachdb import cluster_of, serving

BUSIEST_QPS = 120.0


async def serve(ports: list[int]) -> None:
    """Serve until cancelled; every second each node has answered a few queries more."""
    cluster = cluster_of(len(ports))
    async with serving(cluster, ports=ports, keeps=False):
        while True:
            await asyncio.sleep(1)
            for node in cluster.nodes:
                node.queries += random.uniform(0, BUSIEST_QPS)  # noqa: S311 - a play's load
                low, high, count = node.heartbeats
                node.heartbeats = (low + 9, high + 10, count + 10)


if __name__ == "__main__":
    asyncio.run(serve([int(port) for port in sys.argv[1:]]))
