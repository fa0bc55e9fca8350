"""Requests to Redis: commands of a list that only read, and cost little."""

import shlex
from collections.abc import Sequence

from vedette.agent.connector import Look
from vedette.agent.connectors.redis import Redis
from vedette.agent.connectors.redis_info import parse_info
from vedette.agent.connectors.resp import Answer, encode
from vedette.agent.requests import Row
from vedette.errors import Invalid

_ONE = frozenset(
    {
        *("BITCOUNT", "DBSIZE", "EXISTS", "GET", "HEXISTS", "HGET", "HLEN", "HSTRLEN", "LASTSAVE"),
        *("LLEN", "PFCOUNT", "PTTL", "SCARD", "SISMEMBER", "STRLEN", "TTL", "XLEN"),
        *("ZCARD", "ZCOUNT", "ZRANK", "ZSCORE"),
    }
)
"""Commands whose answer is one value: the column `value`."""
_PAIRS = frozenset({"HGETALL"})
_LISTS = {"MGET": 1, "HMGET": 2}
"""Commands with a value for each of their words from here on: a row each, of the entity `key`."""


class RedisReader(Redis):
    """Keeps a connection of its own, signed in as the look's."""

    async def read(self, look: Look, query: str) -> Sequence[Row]:
        """Run the command and return its answer as rows."""
        words = _words(query)
        try:
            opened = self._wire = self._wire or await self._connect(look)
            opened.writer.write(encode(words))
            return _rows(words, await self._answer(opened, look))
        except BaseException:
            self._drop()
            raise


def _words(query: str) -> list[str]:
    try:
        words = shlex.split(query)
    except ValueError as error:
        raise Invalid(f"the query is no command line: {error}") from None
    words[:1] = [word.upper() for word in words[:1]]
    command = words[0] if words else ""
    memory = [word.upper() for word in words[:2]] == ["MEMORY", "USAGE"]
    if command in _ONE or command in _PAIRS or command in _LISTS or command == "INFO" or memory:
        return words
    allowed = ", ".join(sorted({*_ONE, *_PAIRS, *_LISTS, "INFO", "MEMORY USAGE"}))
    raise Invalid(f"{command[:40]!r} is no command a request may use", hint=f"these are: {allowed}")


def _rows(words: list[str], answer: Answer) -> Sequence[Row]:
    command = words[0]
    if command == "INFO":
        return [_numbers(parse_info(str(answer)))]
    if command in _PAIRS and isinstance(answer, list):
        return [_numbers(dict(zip(map(str, answer[::2]), answer[1::2], strict=False)))]
    if command in _LISTS and isinstance(answer, list):
        keys = words[_LISTS[command] :]
        return [{"key": k, "value": v} for k, v in zip(keys, answer, strict=False)]
    return [{"value": answer}]


def _numbers(fields: Row) -> Row:
    # A text among the fields is no name of the row.
    kept: dict[str, object] = {}
    for name, value in fields.items():
        try:
            kept[name] = float(str(value))
        except ValueError:
            continue
    return kept
