"""A gRPC server with the health service, answering as a test says."""

from contextlib import asynccontextmanager

import grpc


class _Health(grpc.GenericRpcHandler):
    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def service(self, call):
        if call.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self.check)

    async def check(self, request, context):
        self.asked.append((request, dict(context.invocation_metadata())))
        said = self.answer(request)
        if isinstance(said, tuple):
            await context.abort(*said)
        return said


@asynccontextmanager
async def grpc_health_server(answer, *, credentials=None, serves=True):
    """answer: request bytes → response bytes, or (code, details)."""
    health = _Health(answer)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    if serves:
        server.add_generic_rpc_handlers((health,))
    if credentials is None:
        health.port = server.add_insecure_port("127.0.0.1:0")
    else:
        health.port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    health.stop = server.stop
    try:
        yield health
    finally:
        await server.stop(0)
