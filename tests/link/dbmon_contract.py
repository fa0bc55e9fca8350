"""dbmon's contract as a table, written from its own programs and not from our proto file."""

SERVICE = "HealCheck"
METHOD = ("Pull", "PullRequest", "PullReply")
TABLE = (
    ("PullRequest", "clusterId", 1, "string"),
    ("PullRequest", "nbProbes", 2, "int32"),
    ("Probe", "clusterID", 1, "string"),
    ("Probe", "status", 2, "string"),
    ("Probe", "data", 3, "bytes"),
    ("Probe", "timestamp", 4, "string"),
    ("PullReply", "clusterId", 1, "string"),
    ("PullReply", "probes", 3, "repeated Probe"),
)
"""Message, field, number, type; number 2 of PullReply never was."""


def proto_text() -> str:
    """Return the table as a proto file."""
    method, request, reply = METHOD
    lines = ['syntax = "proto3";', "package dbmon;"]
    lines.append(f"service {SERVICE} {{ rpc {method}({request}) returns ({reply}); }}")
    for message in dict.fromkeys(row[0] for row in TABLE):
        fields = [f"{kind} {name} = {n};" for of, name, n, kind in TABLE if of == message]
        lines.append(f"message {message} {{ {' '.join(fields)} }}")
    return "\n".join([*lines, ""])
