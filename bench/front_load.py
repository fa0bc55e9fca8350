"""Clients of `bench/front.py`, in a process of their own: raw sockets, kept connections; no imports of ours."""

import selectors
import socket
import time

CONNECTIONS = 16
ASK = "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\nUser-Agent: {who}\r\n\r\n"


def ask_for(
    port: int, path: str, seconds: float, per_second: float = 0.0
) -> tuple[int, int, list[float]]:
    """Return how many answers came, the bytes of one, and how long each took in seconds.

    per_second: questions sent in all, on time however long answers take; 0 is as fast as they come.
    """
    chooser = selectors.DefaultSelector()
    free: list[int] = []
    sockets, waits, got = [], [0.0] * CONNECTIONS, [b""] * CONNECTIONS
    for nth in range(CONNECTIONS):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setblocking(False)
        chooser.register(one, selectors.EVENT_READ, nth)
        sockets.append(one)
        free.append(nth)
    asks = [ASK.format(path=path, who=f"bench/{nth}").encode() for nth in range(CONNECTIONS)]
    began = due = time.perf_counter()
    end, took, size = began + seconds, [], 0
    while (now := time.perf_counter()) < end:
        while free and (not per_second or due <= now):
            nth = free.pop()
            waits[nth] = due if per_second else now
            sockets[nth].send(asks[nth])
            due += 1 / per_second if per_second else 0
        wait = None if not per_second else max(0.0, min(due, end) - now) if free else None
        for key, _ in chooser.select(wait if wait is not None else 1):
            nth = key.data
            got[nth] += sockets[nth].recv(1 << 20)
            head, stop, body = got[nth].partition(b"\r\n\r\n")
            if not stop:
                continue
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            if len(body) >= length:
                if not head.startswith(b"HTTP/1.1 200"):
                    raise SystemExit(head.decode())
                took.append(time.perf_counter() - waits[nth])
                size, got[nth] = length, b""
                free.append(nth)
    for one in sockets:
        one.close()
    return len(took), size, took
