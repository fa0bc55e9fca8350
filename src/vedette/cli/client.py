"""The HTTP client: asks, follows pages, turns problems into the errors they are."""

import json
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from vedette import __version__
from vedette.cli.where import Asking, token_of, url_of
from vedette.errors import Conflict, Denied, Invalid, Missing, Unavailable, VedetteError

PAGE = 1000
"""Rows of the longest page that a server gives."""
TIMEOUT_S = 30.0
LINES_S = 75.0
"""The longest one may wait for an answer's next line: more than any ask may take."""
UPLOAD_S = 900.0
"""The longest one may wait for a large body to be taken: it waits for its turn, too."""
PATIENCE_S = 1.0
"""After this long a person at a terminal is told what we wait for."""

_KINDS: dict[int, type[VedetteError]] = {
    401: Denied,
    403: Denied,
    404: Missing,
    409: Conflict,
    429: Unavailable,
}
"""Status → kind; the rest of 4xx is `Invalid`, everything else `Unavailable`."""


class Client:
    """One server, asked with one token."""

    def __init__(self, asking: Asking, *, token: str | None = None) -> None:
        """Find the server; token: shown instead of the one that `asking` finds."""
        self.url = url_of(asking)
        self._token = token or token_of(asking)
        headers = {"User-Agent": f"vedette/{__version__}", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=TIMEOUT_S)
        except httpx.InvalidURL as error:
            raise Invalid(f"{self.url} is not a URL: {error}") from None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - JSON
        """Return the JSON of one GET."""
        return self._ask("GET", path, params=_given(query))[0]

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """Send a JSON body and return the JSON of the answer."""
        return self._ask("POST", path, json=body)[0]

    def lines(self, path: str, body: object) -> Iterator[Any]:
        """Send a JSON body and yield the JSON lines of the answer as they come."""
        headers = {"Accept": "application/jsonl"}
        with (
            self._reachable(),
            _patience(f"asking {self.url}"),
            self._http.stream("POST", path, json=body, headers=headers, timeout=LINES_S) as answer,
        ):
            if not answer.is_success:
                answer.read()
                raise self._error(answer)
            for line in answer.iter_lines():
                try:
                    yield json.loads(line)
                except ValueError:
                    raise self._foreign() from None

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        version: int | None = None,
        key: str | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Change something and return the JSON of the answer.

        version: the one that was read, so that nobody's change is lost. key: sent again with the same
        key, it is not done again.
        """
        headers = {}
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        if key is not None:
            headers["Idempotency-Key"] = key
        return self._ask(method, path, json=body, headers=headers)[0]

    def upload(
        self, path: str, content: bytes | Iterable[bytes], *, method: str = "POST", **query: object
    ) -> Any:  # noqa: ANN401 - JSON
        """Send a body piece by piece, whatever it is, and return the JSON of the answer."""
        with self._reachable():
            answer = self._http.request(
                method,
                path,
                params=_given(query),
                content=content,
                headers={"Content-Type": "application/octet-stream"},
                timeout=UPLOAD_S,
            )
        return self._answer(answer)[0]

    def delete(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """Ask for an end; return the JSON of the answer, None without one."""
        return self._ask("DELETE", path)[0]

    def listed(
        self, path: str, *, at_most: int | None = None, **query: object
    ) -> list[dict[str, Any]]:
        """Return a whole list, page after page, or its first `at_most`, which is what `--limit` says."""
        if at_most is not None:
            if at_most < 1:
                raise Invalid("--limit must be at least 1")
            query.setdefault("limit", min(at_most, PAGE))
        found: list[dict[str, Any]] = []
        answer, following = self._ask("GET", path, params=_given(query))
        while True:
            found += _items(answer)
            if following is None or (at_most is not None and len(found) >= at_most):
                return found[:at_most]
            answer, following = self._ask("GET", following)

    def page(self, path: str) -> tuple[list[dict[str, Any]], str | None]:
        """Return one page of a list, and the path of the one after it; None: it is the last."""
        answer, following = self._ask("GET", path)
        return _items(answer), following

    def _ask(self, method: str, path: str, **extra: Any) -> tuple[Any, str | None]:  # noqa: ANN401
        with self._reachable(), _patience(f"asking {self.url}"):
            answer = self._http.request(method, path, **extra)
        return self._answer(answer)

    def _answer(self, answer: httpx.Response) -> tuple[Any, str | None]:
        if not answer.is_success:
            raise self._error(answer)
        try:
            return (answer.json() if answer.content else None), answer.links.get("next", {}).get(
                "url"
            )
        except ValueError:
            raise self._foreign() from None

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException:
            raise Unavailable(f"{self.url} did not answer in time", hint="try again") from None
        except httpx.TransportError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise Unavailable(
                    f"the certificate of {self.url} is not trusted here: {error}",
                    hint="SSL_CERT_FILE=FILE names the authority to trust",
                ) from None
            raise Unavailable(
                f"nothing answers at {self.url}: {error}", hint="is the server running?"
            ) from None
        except (httpx.InvalidURL, UnicodeError) as error:
            raise Invalid(f"{self.url} is not a URL: {error}") from None

    def _foreign(self) -> Unavailable:
        return Unavailable(
            f"{self.url} answers, but not as Vedette does", hint="is the address right?"
        )

    def _error(self, answer: httpx.Response) -> VedetteError:
        try:
            problem = answer.json()
            detail = str(problem.get("detail") or problem.get("title") or "")
            hint = problem.get("hint") or "; ".join(_complaints(problem)) or None
        except (ValueError, AttributeError):
            detail, hint = "", None
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            hint = hint or "`vedette login`, or set VEDETTE_TOKEN or --token-file"
        kind = _KINDS.get(answer.status_code, Invalid if answer.is_client_error else Unavailable)
        return kind(detail or f"{self.url} answered {answer.status_code}", hint=hint)


def _given(query: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _items(answer: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    items = answer.get("items") if isinstance(answer, dict) else answer
    return items if isinstance(items, list) else []


def _complaints(problem: dict[str, Any]) -> list[str]:
    return [
        f"{fault.get('parameter') or fault.get('pointer') or ''}: {fault.get('detail', '')}"
        for fault in problem.get("errors", ())
        if isinstance(fault, dict)
    ]


@contextmanager
def _patience(doing: str) -> Iterator[None]:
    """Say on a terminal what takes longer than a moment, and wipe the line when it is done."""
    if not sys.stderr.isatty():
        yield
        return
    said = threading.Event()

    def say() -> None:
        said.set()
        sys.stderr.write(f"{doing} …")
        sys.stderr.flush()

    timer = threading.Timer(PATIENCE_S, say)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if said.is_set():
            sys.stderr.write("\r\x1b[K")
