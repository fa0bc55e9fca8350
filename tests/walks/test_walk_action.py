"""One signed action, end to end, as MIG's people do it; then everything a thief of the server may try.

Real gpg, PostgreSQL, server and agents. What the thief carries stands in the database as if it had been launched.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from acting import Acting, Thief, signed, stamp
from programs import until

from actions_world import bundle
from signing_world import gpg_home, gpg_key, gpg_public, needs_gpg, needs_ssh
from vedette.trust.bundle import Investigator, Weight

pytestmark = [needs_gpg, needs_ssh, pytest.mark.slow, pytest.mark.timeout(240)]

PEOPLE = ("ada", "bob", "mallory")
MIG_RESULT = {"foundanything", "success", "elements", "statistics", "errors"}


def key_of(name: str) -> str:
    return str(gpg_key(f"{name} of the walk"))


def push(made: Acting, version: int, **of_mallory: Any) -> None:
    """Three people who weigh 1 each; of any action 2 are needed."""
    now = datetime.now(UTC).replace(microsecond=0)
    people = {name: {} for name in PEOPLE} | {"mallory": of_mallory}
    made.push(
        bundle(
            version,
            made_at=now - timedelta(hours=1),
            expires_at=now + timedelta(days=1),
            investigators=tuple(
                Investigator(name=name, keys=(gpg_public(key_of(name)),), **more)
                for name, more in people.items()
            ),
            weights=tuple(
                Weight(investigator=name, group="all", module="*", weight=1) for name in PEOPLE
            ),
        )
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acting]:
    made = Acting(tmp_path_factory.mktemp("acting"), environment={"GNUPGHOME": str(gpg_home())})
    made.start_server()
    try:
        made.await_server()
        push(made, 1)
        made.enrol("one", "two")
        # Mallory is out before anything is asked.
        push(made, 2, status="disabled")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searched")
    (folder / "passwd").write_text("root:x:0:0\n")
    return folder


def as_mig(folder: Path, **changes: Any) -> dict[str, Any]:
    """An action of version 2, in the form of MIG's example."""
    now = datetime.now(UTC)
    return {
        "name": "look for a file of ours",
        "description": {"author": "Ada", "email": "ada@example.net", "revision": 201409021000},
        "target": "queueloc LIKE 'linux.%' AND environment->>'os' ILIKE 'LINUX'",
        "threat": {"level": "alert", "type": "system", "family": "malware"},
        "operations": [
            {
                "module": "file",
                "parameters": {
                    "searches": {
                        "s1": {
                            "paths": [str(folder)], "names": ["^passwd$"], "contents": ["^root:"],
                            "options": {"matchall": True, "maxdepth": 2},
                        },
                        "s2": {"paths": ["/nowhere"], "names": ["nofilenamenotfound"]},
                    }
                },
            },
        ],
        "validfrom": stamp(now - timedelta(minutes=1)),
        "expireafter": stamp(now + timedelta(hours=1)),
        "syntaxversion": 2,
        **changes,
    }  # fmt: skip


def test_two_people_sign_migs_action_two_agents_run_it_and_answer_in_migs_shape(
    world: Acting, searched: Path
) -> None:
    draft = as_mig(searched)
    for word in ("validfrom", "expireafter"):
        del draft[word]
    file = world.folder / "look.json"
    file.write_text(json.dumps(draft))
    world.offline("act", "sign", file, "--key", key_of("ada"), "--valid-for", "1h")
    world.offline("act", "sign", file, "--key", key_of("bob"))
    said = json.loads(file.read_text())
    assert (said["syntaxversion"], len(said["pgpsignatures"])) == (2, 2)
    number = int(world.says("act", "send", file))
    told = world.answered(number)
    assert {name: one["outcome"] for name, one in told.items()} == {
        "one": "success",
        "two": "success",
    }
    for one in world.results(number):
        (result,) = one["results"]
        assert set(result) >= MIG_RESULT
        assert (result["foundanything"], result["success"]) == (True, True)
        assert [hit["file"] for hit in result["elements"]["s1"]] == [str(searched / "passwd")]
        assert not result["elements"]["s2"] or result["elements"]["s2"][0]["file"] == ""
    assert world.says("act", "results", number, "--verify", "-o", "jsonl").count("\n") == 2
    shown = world.says("act", "show", number)
    assert "signed by ada" in shown
    assert "signed by bob" in shown


def test_what_a_thief_of_the_server_carries_is_refused_by_the_agent_which_says_why(
    world: Acting, searched: Path
) -> None:
    thief = Thief(world)
    ada, bob, mallory = map(key_of, PEOPLE)
    eve = key_of("eve")
    good = as_mig(searched, name="good")
    raw, both = signed(good, ada, bob)
    told = world.answered(thief.carry(raw, both, "one"))["one"]
    assert told["outcome"] == "success", "what people signed a thief may carry: it is their order"

    assert thief.refused(raw, both) == "replayed"

    other, _ = signed(
        as_mig(
            searched,
            name="good",
            operations=[{"module": "file", "parameters": {"searches": {"s1": {"paths": ["/root"], "names": ["."]}}}}],
        )
    )  # fmt: skip
    assert thief.refused(other, both) == "wrong-signature"
    raised, _ = signed({**good, "target": "true"})
    assert thief.refused(raised, both) == "wrong-signature"
    longer, _ = signed({**good, "expireafter": stamp(datetime.now(UTC) + timedelta(days=20))})
    assert thief.refused(longer, both) == "wrong-signature"

    fresh = as_mig(searched, name="fresh")
    assert thief.refused(*signed(fresh, ada)) == "too-little-weight"
    assert thief.refused(*signed(fresh, eve, ada)) == "unknown-key"
    assert thief.refused(*signed(fresh, mallory, ada)) == "inactive-investigator"
    document, (first, *_) = signed(fresh, ada)
    assert thief.refused(document, [first, first]) == "duplicate-signer"
    assert thief.refused(document, ["iQ" + first[2:], first]) == "not-a-signature"
    assert thief.refused(document, []) == "no-signature"

    long_ago = datetime.now(UTC) - timedelta(days=2)
    over = {"validfrom": stamp(long_ago), "expireafter": stamp(long_ago + timedelta(hours=1))}
    assert thief.refused(*signed(as_mig(searched, **over), ada, bob)) == "expired"
    elsewhere = as_mig(searched, target="name = 'two'")
    assert thief.refused(*signed(elsewhere, ada, bob)) == "excluded-by-target"
    theirs = thief.carry(*signed(elsewhere, ada, bob), "two")
    assert world.answered(theirs)["two"]["outcome"] == "success"


def test_an_old_bundle_that_a_thief_hands_down_is_refused_and_the_new_one_stays(
    world: Acting, searched: Path
) -> None:
    """Mallory counted in the first version; a thief calls it the third."""
    world.rows(
        "INSERT INTO actions.bundle SELECT max(version) OVER () + 1, fleet, document, signatures, roots, made_at,"
        " expires_at, pushed_at, pushed_by FROM actions.bundle ORDER BY version LIMIT 1"
    )
    world.rows("SELECT pg_notify('vedette_trust', '9')")
    one = world.agents["one"]
    until(
        lambda: one.says("a trust bundle was refused"),
        within_s=20,
        what="the agent refuses it",
        seen=lambda: one.errors[-5:],
    )
    ada, _, mallory = map(key_of, PEOPLE)
    why = Thief(world).refused(*signed(as_mig(searched, name="old friends"), ada, mallory))
    assert why == "inactive-investigator"


ROGUES = {
    "crash": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    "hang": "while True: pass",
    "fork bomb": "import os\nwhile True:\n    os.fork()",
    "10 GB": "found = ['x' * (1 << 20)] * 10_240",
}


def test_modules_that_crash_hang_fork_and_flood_are_reported_and_the_agent_lives(
    world: Acting, searched: Path
) -> None:
    ada, bob, _ = map(key_of, PEOPLE)
    sent = {}
    for name, code in ROGUES.items():
        operation = {"module": "rogue-programs", "parameters": {"code": code}}
        raw, both = signed(
            as_mig(searched, name=name, target="name = 'two'", operations=[operation]), ada, bob
        )
        whole = {**json.loads(raw), "pgpsignatures": both}
        sent[name] = world.send(json.dumps(whole).encode())
    for name, number in sent.items():
        told = world.answered(number, within_s=60)["two"]
        assert told["outcome"] in ("failed", "timeout"), (name, told)
        assert told["reason"] in ("crashed", "killed", "timeout", "too-large"), (name, told)
        assert told["message"], name
        (result,) = world.results(number)[0]["results"]
        assert (result["success"], bool(result["errors"])) == (False, True)
    assert world.agents["two"].process.poll() is None
    told = Thief(world).carry(*signed(as_mig(searched, name="alive"), ada, bob), "two")
    assert world.answered(told)["two"]["outcome"] == "success"
