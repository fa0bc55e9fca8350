"""A client of dbmon, as a stranger writes it from the contract: generated code and grpc, nothing else.

    dbmon_client.py ADDRESS CLUSTER SECONDS [--count N] [--ca FILE [--cert FILE --key FILE | --token T]]

Pulls until its time is over and prints a JSON object a probe.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import dbmon_pb2  # generated beside a copy of this file
import dbmon_pb2_grpc
import grpc


def channel(asked: argparse.Namespace) -> grpc.Channel:
    if not asked.ca:
        return grpc.insecure_channel(asked.address)
    files = (asked.ca, asked.key, asked.cert)
    ca, key, cert = (Path(it).read_bytes() if it else None for it in files)
    options = [("grpc.ssl_target_name_override", "vedette.server")]
    return grpc.secure_channel(
        asked.address, grpc.ssl_channel_credentials(ca, key, cert), options=options
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    for name in ("address", "cluster"):
        parser.add_argument(name)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--count", type=int, default=0)
    for name in ("--ca", "--cert", "--key", "--token"):
        parser.add_argument(name)
    asked = parser.parse_args()
    metadata = [("authorization", f"Bearer {asked.token}")] if asked.token else []
    request = dbmon_pb2.PullRequest(clusterId=asked.cluster, nbProbes=asked.count)
    with channel(asked) as open_channel:
        stub = dbmon_pb2_grpc.HealCheckStub(open_channel)
        until = time.monotonic() + asked.seconds
        while True:
            try:
                reply = stub.Pull(request, timeout=10, metadata=metadata)
            except grpc.RpcError as error:
                print(f"{error.code().name}: {error.details()}", file=sys.stderr)
                return 1
            for probe in reply.probes:
                told = {"at": probe.timestamp, "status": probe.status, "cluster": probe.clusterID}
                print(json.dumps({**told, "nodes": json.loads(probe.data)}), flush=True)
            if time.monotonic() > until:
                return 0
            time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
