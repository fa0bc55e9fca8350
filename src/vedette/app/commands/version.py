"""`vedette version`."""

from vedette import __version__


def version() -> None:
    """Say which version this is."""
    print(__version__)  # noqa: T201
