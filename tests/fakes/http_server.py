"""The small HTTP server of `vedette.lab`, by which many tests play what they look at."""

from vedette.lab.http_server import Asked, HttpServer, Reply, http_server

__all__ = ["Asked", "HttpServer", "Reply", "http_server"]
