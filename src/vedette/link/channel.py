"""How both ends keep a connection: pings that find a dead peer, names that need no DNS."""

from vedette.trust.keys import SERVER_NAME

MESSAGE_BYTES = 4 * 1024 * 1024

CLIENT_OPTIONS: list[tuple[str, str | int]] = [
    # Our authority is the only root, so whoever shows this name is ours, at whatever address.
    ("grpc.ssl_target_name_override", SERVER_NAME),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Two channels of one process to the same address must not share what one was refused.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
]
"""A peer that vanished without a word is noticed within 50 s."""

SERVER_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    # Patient: a server that is late itself must not cut off those who wait for it, and make them
    # shake hands again when it can least afford that.
    ("grpc.keepalive_time_ms", 120_000),
    ("grpc.keepalive_timeout_ms", 60_000),
    # Without it the server takes our own clients' pings for an attack and hangs up.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]
"""For every listener of ours."""
