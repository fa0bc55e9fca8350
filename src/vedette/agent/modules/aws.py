"""As much of AWS as it takes to publish to a topic: credentials, and requests signed by them (version 4).

Credentials come from a file in AWS's own form, or from the role of the instance, by IMDSv2. They are in
no message and in no log.
"""

import configparser
import hashlib
import hmac
import http.client
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from vedette.errors import Invalid, Unavailable

METADATA = ("169.254.169.254", 80)
"""Where an instance asks who it is."""
_WAIT_S = 5.0
_ANSWER_BYTES = 64 << 10
_RENEW_BEFORE = timedelta(minutes=5)
_FOR_EVER = datetime.max.replace(tzinfo=UTC)
_TOPIC = re.compile(
    r"arn:(aws[a-z-]*):sns:([a-z0-9-]{1,40}):(\d{12}):([A-Za-z0-9_-]{1,256})", re.ASCII
)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)


class Key(NamedTuple):
    """Credentials, and until when they hold."""

    id: str
    secret: str
    token: str
    ends_at: datetime


class Topic(NamedTuple):
    """A topic of SNS."""

    partition: str
    region: str
    account: str
    name: str

    @property
    def arn(self) -> str:
        """Its name in all of AWS."""
        return f"arn:{self.partition}:sns:{self.region}:{self.account}:{self.name}"

    @property
    def host(self) -> str:
        """Who serves it."""
        return f"sns.{self.region}.amazonaws.com{'.cn' if self.partition == 'aws-cn' else ''}"


def read_topic(text: str) -> Topic | None:
    """Return the topic of an ARN, None for a bare name; raises Invalid for what is neither."""
    found = _TOPIC.fullmatch(text)
    if found is not None:
        return Topic(*found.groups())
    if _NAME.fullmatch(text):
        return None
    raise Invalid("snstopic is neither the name of a topic nor its ARN")


def signed(
    key: Key,
    service: str,
    region: str,
    *,
    host: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    method: str = "POST",
) -> dict[str, str]:
    """Return the headers of a request for `/`, signed by AWS's version 4."""
    at = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    told = {**headers, "Host": host, "X-Amz-Date": at}
    if key.token:
        told["X-Amz-Security-Token"] = key.token
    lines = sorted((name.lower(), " ".join(value.split())) for name, value in told.items())
    names = ";".join(name for name, _ in lines)
    written = "".join(f"{name}:{value}\n" for name, value in lines)
    request = f"{method}\n/\n\n{written}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{at[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    made = f"AWS4{key.secret}".encode()
    for part in scope.split("/"):
        made = hmac.digest(made, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}"
    signature = hmac.digest(made, text.encode(), "sha256").hex()
    said = f"Credential={key.id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**told, "Authorization": f"AWS4-HMAC-SHA256 {said}"}


def key_of_file(path: Path) -> Key:
    """Return the credentials of a file's section `default`; raises Unavailable without their content."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text())
        held = parser["default"]
        secret = held["aws_secret_access_key"]
        return Key(held["aws_access_key_id"], secret, held.get("aws_session_token", ""), _FOR_EVER)
    except OSError as fault:
        raise Unavailable(f"{path} cannot be read: {fault.strerror}") from None
    except (configparser.Error, KeyError, UnicodeError):
        words = f"{path} holds no aws_access_key_id and aws_secret_access_key under [default]"
        raise Unavailable(words) from None


class Instance:
    """The instance this runs on, and the credentials of its role."""

    def __init__(self) -> None:
        self._key: Key | None = None

    def key(self, *, now: datetime) -> Key:
        """Return credentials that hold for a while yet; raises Unavailable where there are none."""
        if self._key is None or now > self._key.ends_at - _RENEW_BEFORE:
            place = "/latest/meta-data/iam/security-credentials/"
            role = self._ask(place).decode().split()
            if not role:
                raise Unavailable("this instance has no role, and there is no file of credentials")
            said = _read(self._ask(place + role[0]), _Role)
            self._key = Key(said.access_key_id, said.secret_access_key, said.token, said.expiration)
        return self._key

    def topic(self, name: str) -> Topic:
        """Return the topic of this name beside the instance."""
        said = _read(self._ask("/latest/dynamic/instance-identity/document"), _Document)
        partition = "aws-cn" if said.region.startswith("cn-") else "aws"
        partition = "aws-us-gov" if said.region.startswith("us-gov-") else partition
        return Topic(partition, said.region, said.account_id, name)

    def _ask(self, path: str) -> bytes:
        asking = http.client.HTTPConnection(*METADATA, timeout=_WAIT_S)
        try:
            asking.request(
                "PUT", "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
            )
            token = _answer(asking)
            asking.request(
                "GET", path, headers={"X-aws-ec2-metadata-token": token.decode("latin-1")}
            )
            return _answer(asking)
        except (OSError, http.client.HTTPException, ValueError) as fault:
            words = getattr(fault, "strerror", "") or str(fault) or type(fault).__name__
            raise Unavailable(
                f"this host is no instance of AWS, or does not say so: {words}"
            ) from None
        finally:
            asking.close()


_Printed = Annotated[str, Meta(pattern="^[!-~]*\\Z", max_length=16_384)]


class _Role(msgspec.Struct, rename="pascal"):
    access_key_id: _Printed
    secret_access_key: _Printed
    token: _Printed
    expiration: Annotated[datetime, Meta(tz=True)]


class _Document(msgspec.Struct, rename="camel"):
    region: Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}\\Z")]
    account_id: Annotated[str, Meta(pattern="^[0-9]{12}\\Z")]


def _read(content: bytes, form: Any) -> Any:  # noqa: ANN401 - an instance of the form
    try:
        return msgspec.json.decode(content, type=form)
    except msgspec.MsgspecError:
        raise Unavailable("what the instance says of itself cannot be read") from None


def _answer(asking: http.client.HTTPConnection) -> bytes:
    answer = asking.getresponse()
    content = answer.read(_ANSWER_BYTES)
    if answer.status != http.client.OK:
        raise OSError(f"it answers {answer.status}")
    return content
