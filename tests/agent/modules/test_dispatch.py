"""What `dispatch` sends to SNS is signed as AWS asks, by credentials of a file or of the instance."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from vedette import clock
from vedette.agent.modules import aws
from vedette.agent.modules.dispatch import (
    SNS_BYTES,
    DispatchWhere,
    Sns,
    Unwanted,
    Web,
    _mozdef,
    _sent,
)
from vedette.errors import Invalid, Unavailable

ARN = "arn:aws:sns:eu-central-1:123456789012:alerts"
KEY = "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = hidden\n"
EVENT = b'{"event":{"alert":"x & y = z"}}'


class Amazon:
    """SNS and the metadata of an instance in one server."""

    def __init__(self) -> None:
        self.published: list[tuple[dict[str, str], dict[str, list[str]]]] = []
        self.asked: list[str] = []
        self.answer = (200, b"<PublishResponse/>")
        self.lives = timedelta(hours=6)


@pytest.fixture
def amazon() -> Iterator[tuple[Amazon, int]]:
    made = Amazon()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def _say(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            made.published.append((dict(self.headers.items()), parse_qs(body)))
            self._say(*made.answer)

        def do_PUT(self) -> None:
            self._say(200, b"a-token")

        def do_GET(self) -> None:
            made.asked.append(self.path)
            role = {
                "AccessKeyId": "ASIAROLE", "SecretAccessKey": "hidden", "Token": "of-the-role",
                "Expiration": (clock.now() + made.lives).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }  # fmt: skip
            answers = {
                "/latest/meta-data/iam/security-credentials/": b"agent-role",
                "/latest/meta-data/iam/security-credentials/agent-role": json.dumps(role).encode(),
                "/latest/dynamic/instance-identity/document": json.dumps(
                    {"region": "eu-west-1", "accountId": "210987654321", "more": 1}
                ).encode(),
            }
            known = self.headers["X-aws-ec2-metadata-token"] == "a-token"
            self._say(200 if known and self.path in answers else 401, answers.get(self.path, b""))

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made, server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("method", "headers", "body", "signature"),
    [
        ("GET", {}, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", {}, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "POST",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_the_signatures_are_those_that_aws_published(method, headers, body, signature) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    key = aws.Key("AKIDEXAMPLE", secret, "", datetime.max.replace(tzinfo=UTC))
    now = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    host = "example.amazonaws.com"
    said = aws.signed(
        key, "service", "us-east-1", host=host, headers=headers, body=body, now=now, method=method
    )
    assert said["Authorization"].endswith(f"Signature={signature}")


def to(port: int, **more: Any) -> Sns:
    return Sns(DispatchWhere(snsendpoint=f"http://127.0.0.1:{port}", **more))


def test_an_event_is_published_with_the_credentials_of_a_file(amazon, tmp_path: Path) -> None:
    made, port = amazon
    (tmp_path / "key").write_text(KEY)
    door = to(port, snstopic=ARN, awscredentials=str(tmp_path / "key"))
    assert _sent(door, EVENT) == ""
    ((headers, said),) = made.published
    assert said == {
        "Action": ["Publish"], "Version": ["2010-03-31"],
        "TopicArn": [ARN], "Message": [EVENT.decode()],
    }  # fmt: skip
    assert "Credential=AKIDEXAMPLE/" in headers["Authorization"]
    assert "/eu-central-1/sns/aws4_request" in headers["Authorization"]
    assert headers["Host"] == f"127.0.0.1:{port}"
    assert made.asked == []


def test_without_a_file_the_instance_says_who_and_where_it_is(amazon, monkeypatch) -> None:
    made, port = amazon
    monkeypatch.setattr(aws, "METADATA", ("127.0.0.1", port))
    door = to(port, snstopic="alerts")
    assert [_sent(door, EVENT), _sent(door, EVENT)] == ["", ""]
    headers, said = made.published[1]
    assert said["TopicArn"] == ["arn:aws:sns:eu-west-1:210987654321:alerts"]
    assert headers["X-Amz-Security-Token"] == "of-the-role"
    assert "x-amz-security-token" in headers["Authorization"]
    assert len(made.asked) == 3, "who and where it is was asked twice"


def test_credentials_of_a_role_are_asked_for_anew_before_they_end(amazon, monkeypatch) -> None:
    made, port = amazon
    monkeypatch.setattr(aws, "METADATA", ("127.0.0.1", port))
    made.lives = timedelta(minutes=4)
    door = to(port, snstopic=ARN)
    assert [_sent(door, EVENT), _sent(door, EVENT)] == ["", ""]
    assert len(made.asked) == 4


def test_what_keeps_an_event_is_said_without_what_is_secret(amazon, tmp_path: Path) -> None:
    made, port = amazon
    key = tmp_path / "key"
    door = to(port, snstopic=ARN, awscredentials=str(key))
    assert _sent(door, EVENT) == f"{key} cannot be read: No such file or directory"
    key.write_text("[default]\naws_secret_access_key = hidden\n")
    assert _sent(door, EVENT).startswith(f"{key} holds no aws_access_key_id")
    key.write_text(KEY)
    made.answer = (403, b"<Error><Code>InvalidClientTokenId</Code><Message>x</Message></Error>")
    assert _sent(door, EVENT) == "it answers 403 (InvalidClientTokenId)"


@pytest.mark.parametrize(
    "topic", ["a topic", "arn:aws:sns:eu:1:x", "arn:aws:sqs:eu:123456789012:x", "x" * 300]
)
def test_what_is_no_topic_is_refused(topic: str) -> None:
    with pytest.raises(Invalid, match="neither the name of a topic nor its ARN"):
        Sns(DispatchWhere(snstopic=topic))


@pytest.mark.parametrize("where", ["sns.example", "ftp://sns.example", "http://a:b@sns.example"])
def test_what_is_no_place_to_serve_a_topic_is_refused_at_once(where: str) -> None:
    with pytest.raises(Invalid, match="snsendpoint"):
        Sns(DispatchWhere(snstopic=ARN, snsendpoint=where))


def test_an_event_that_nobody_will_ever_take_is_not_kept(amazon) -> None:
    made, port = amazon
    with pytest.raises(Unwanted, match="262,145 bytes"):
        _sent(to(port, snstopic=ARN), b"x" * (SNS_BYTES + 1))
    web = Web(DispatchWhere(httpurl=f"http://127.0.0.1:{port}/"))
    made.answer = (413, b"")
    with pytest.raises(Unwanted, match="too large"):
        _sent(web, EVENT)
    made.answer = (404, b"")
    assert _sent(web, EVENT) == "it answers 404"


@pytest.mark.parametrize(
    "said",
    [
        {"Expiration": "2026-11-22T12:00:00"},
        {"Token": "one\r\nHost: another"},
        {"Token": "one\n"},
        {"AccessKeyId": "a b"},
    ],
)
def test_an_instance_that_says_what_cannot_be_is_not_believed(said: dict[str, str]) -> None:
    role = {
        "AccessKeyId": "ASIAROLE", "SecretAccessKey": "hidden", "Token": "t",
        "Expiration": "2026-11-22T12:00:00Z",
    }  # fmt: skip
    assert aws._read(json.dumps(role).encode(), aws._Role).token == "t"
    with pytest.raises(Unavailable, match="cannot be read"):
        aws._read(json.dumps({**role, **said}).encode(), aws._Role)


def test_topics_of_china_have_hosts_of_their_own() -> None:
    found = aws.read_topic("arn:aws-cn:sns:cn-north-1:123456789012:x")
    assert found is not None
    assert found.host == "sns.cn-north-1.amazonaws.com.cn"


def test_mozdef_gets_the_record_as_details() -> None:
    record = {"hostname": "here", "environment": {}, "tags": {}, "event": {"alert": "x"}}
    said = msgspec.json.decode(msgspec.json.encode(_mozdef(record)))
    assert (said["category"], said["hostname"], said["details"]) == ("mig", "here", record)
