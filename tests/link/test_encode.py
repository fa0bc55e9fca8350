"""Reports become columns a server can read, and numbers are explained before they are used."""

import struct
from array import array
from datetime import UTC, datetime, timedelta

import pytest

from vedette.health.model import Bulk, Measurement, Naming, Report, Series, State
from vedette.link import encode
from vedette.link import vedette_pb2 as pb
from vedette.link.decode import BadFrame, Begun, read_layouts
from vedette.link.dictionary import Dictionary
from vedette.link.encode import NO_ANSWER, Encoder, Looked, batch_frame, refs_in

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NOON_US = 1_777_896_000_000_000
UNITS = {"connections": ("count", "Open connections."), "lag_s": ("seconds", "Behind.")}
UP = Report(
    state=State.UP,
    rtt=timedelta(microseconds=1500),
    measurements=(Measurement("connections", 3.0), Measurement("lag_s", 0.5, "replica:a")),
)


def looked(report, target_id=7, at=NOON):
    return Looked(target_id=target_id, connector="postgres", at=at, report=report, units=UNITS)


@pytest.fixture
def dictionary(tmp_path):
    dictionary = Dictionary(tmp_path / "dictionary")
    yield dictionary
    dictionary.close()


@pytest.fixture
def encoder(dictionary):
    return Encoder(dictionary)


def taken(encoder):
    encoded = encoder.take()
    message = pb.FromAgent.FromString(batch_frame(9, 8, encoded.payload))
    return message.batch


def test_a_report_is_a_row_of_every_column(encoder):
    encoder.add(looked(UP))
    batch = taken(encoder)
    assert (batch.seq, batch.prev, batch.rows) == (9, 8, 1)
    assert struct.unpack("<I", batch.target) == (7,)
    assert struct.unpack("<q", batch.at) == (NOON_US,)
    assert struct.unpack("<B", batch.state) == (State.UP,)
    assert struct.unpack("<H", batch.error) == (0,)
    assert struct.unpack("<I", batch.rtt) == (1500,)
    assert struct.unpack("<2d", batch.values) == (3.0, 0.5)


def test_the_layout_tells_names_entities_units_and_help(encoder, dictionary):
    encoder.add(looked(UP))
    layouts, errors = refs_in(encoder.take().payload)
    (layout,) = dictionary.define(layouts, errors)[0].layouts
    assert layout.connector == "postgres"
    assert [(m.name, m.entity, m.unit) for m in layout.measures] == [
        ("connections", "", "count"),
        ("lag_s", "replica:a", "seconds"),
    ]


def test_the_same_names_in_the_same_order_are_one_layout(encoder):
    encoder.add(looked(UP))
    encoder.add(looked(UP, target_id=8))
    layouts, _ = refs_in(encoder.take().payload)
    assert len(layouts) == 1


def test_a_failure_has_an_error_class_a_message_and_no_round_trip(encoder, dictionary):
    encoder.add(looked(UP))
    encoder.add(looked(Report(state=State.DOWN, error_class="refused", message="no one listens")))
    encoded = encoder.take()
    batch = pb.Batch.FromString(encoded.payload)
    assert struct.unpack("<2I", batch.rtt)[1] == NO_ANSWER
    assert [(n.row, n.message) for n in batch.notes] == [(1, "no one listens")]
    assert [c.name for c in dictionary.define(*refs_in(encoded.payload))[0].error_classes] == [
        "refused"
    ]


def test_facts_are_sent_when_they_change(encoder):
    def facts_sent(facts):
        encoder.add(looked(Report(state=State.UP, facts=facts)))
        return [n.facts_json for n in taken(encoder).notes]

    assert facts_sent({"version": "15"}) == ['{"version":"15"}']
    assert facts_sent({"version": "15"}) == []
    assert facts_sent({"version": "16"}) == ['{"version":"16"}']
    encoder.repeat_facts()
    assert facts_sent({"version": "16"}) == ['{"version":"16"}']


def test_what_was_taken_is_counted_with_its_times(encoder):
    encoder.add(looked(UP, at=NOON + timedelta(seconds=2)))
    encoder.add(looked(UP))
    encoded = encoder.take()
    assert (encoded.reports, encoded.from_us, encoded.to_us) == (2, NOON_US, NOON_US + 2_000_000)
    assert encoder.take() is None


def test_a_batch_is_full_by_rows_or_by_bytes(encoder):
    for _ in range(encode.ROWS):
        assert not encoder.is_full
        encoder.add(looked(Report(state=State.UP)))
    assert encoder.is_full
    encoder.take()
    wide = tuple(Measurement(f"m{n}", float(n)) for n in range(4096))
    while not encoder.is_full:
        encoder.add(looked(Report(state=State.UP, measurements=wide)))
    assert len(encoder) == 8


def test_numbers_outlive_a_restart(tmp_path, dictionary, encoder):
    encoder.add(looked(UP))
    encoded = encoder.take()
    again = Dictionary(tmp_path / "dictionary")
    assert again.knows(*refs_in(encoded.payload))
    later = Encoder(again)
    later.add(looked(UP))
    assert refs_in(later.take().payload) == refs_in(encoded.payload)
    again.close()


def test_a_torn_dictionary_keeps_what_is_whole(tmp_path, dictionary):
    dictionary.error_ref("refused")
    dictionary.error_ref("timeout")
    path = tmp_path / "dictionary"
    path.write_bytes(path.read_bytes()[:-4])
    again = Dictionary(path)
    assert again.knows([], [1])
    assert not again.knows([], [2])
    assert again.error_ref("auth") == 2
    again.close()


def test_names_without_bound_do_not_fill_the_dictionary(encoder, dictionary, monkeypatch):
    monkeypatch.setattr("vedette.link.dictionary.LAYOUTS", 4)
    for number in range(6):
        encoder.add(
            looked(Report(state=State.UP, measurements=(Measurement(f"session_{number}", 1.0),)))
        )
    batch = taken(encoder)
    assert struct.unpack("<6I", batch.layout) == (1, 2, 3, 4, 0, 0)
    assert len(batch.values) == 4 * 8
    assert dictionary.is_crowded()
    encoder.forget()
    encoder.add(looked(UP))
    assert refs_in(encoder.take().payload) == ({1}, set())


def bulk_of(*names, values=None, help_="Help."):
    naming = Naming(tuple(Series(name, '{a="b"}', "bytes", help_) for name in names))
    return Bulk(naming, array("d", values or range(len(names))))


def test_values_in_bulk_are_sent_as_they_are(encoder, dictionary):
    bulk = bulk_of("one", "two")
    encoder.add(looked(Report(state=State.UP, bulk=bulk)))
    encoder.add(looked(Report(state=State.UP, bulk=Bulk(bulk.naming, array("d", [7, 8])))))
    encoded = encoder.take()
    batch = pb.Batch.FromString(encoded.payload)
    assert struct.unpack("<4d", batch.values) == (0, 1, 7, 8)
    layouts, errors = refs_in(encoded.payload)
    (layout,) = dictionary.define(layouts, errors)[0].layouts
    assert [(m.name, m.entity, m.unit) for m in layout.measures] == [
        ("one", '{a="b"}', "bytes"),
        ("two", '{a="b"}', "bytes"),
    ]


def test_values_in_bulk_come_behind_the_measurements(encoder, dictionary):
    bulk = bulk_of("one")
    for measurements in ((Measurement("lag_s", 0.5),), (), (Measurement("lag_s", 0.7),)):
        encoder.add(looked(Report(state=State.UP, measurements=measurements, bulk=bulk)))
    encoded = encoder.take()
    batch = pb.Batch.FromString(encoded.payload)
    assert struct.unpack("<5d", batch.values) == (0.5, 0, 0, 0.7, 0)
    assert struct.unpack("<3I", batch.layout) == (1, 2, 1)
    first, second = dictionary.define(*refs_in(encoded.payload))[0].layouts
    assert [(m.name, m.unit) for m in first.measures] == [("lag_s", "seconds"), ("one", "bytes")]
    assert [m.name for m in second.measures] == ["one"]


def test_a_long_layout_is_told_in_pieces_and_its_help_once(encoder, dictionary):
    bulk = bulk_of(*["name_of_a_metric_that_is_long"] * 40_000, help_="x" * 400)
    encoder.add(looked(Report(state=State.UP, bulk=bulk)))
    messages = dictionary.define(*refs_in(encoder.take().payload))
    assert len(messages) > 1
    assert all(message.ByteSize() < 4 << 20 for message in messages)
    begun, layouts = Begun(), []
    for message in messages:
        layouts += read_layouts(message, begun)[1]
    (layout,) = layouts
    assert len(layout.measures) == 40_000
    assert len(layout.measures[0].help) == 400
    assert layout.measures[39_999].name == "name_of_a_metric_that_is_long"


def test_a_piece_of_another_layout_may_not_come_in_between():
    begun = Begun()
    read_layouts(pb.Define(layouts=[pb.Layout(ref=1, connector="a", more=True)]), begun)
    with pytest.raises(BadFrame, match="begun and not ended"):
        read_layouts(pb.Define(layouts=[pb.Layout(ref=2, connector="a")]), begun)


def test_a_layout_in_pieces_is_no_longer_than_any_other():
    begun = Begun()
    piece = pb.Layout(ref=1, connector="a", measures=[pb.Measure(name="m")] * 40_000, more=True)
    read_layouts(pb.Define(layouts=[piece]), begun)
    with pytest.raises(BadFrame, match="65536 are the limit"):
        read_layouts(pb.Define(layouts=[piece]), begun)


def test_a_dictionary_that_is_full_of_names_takes_no_more_until_it_may_forget(
    dictionary, monkeypatch
):
    monkeypatch.setattr("vedette.link.dictionary.MEASURES", 4)
    encoder = Encoder(dictionary)
    encoder.add(looked(Report(state=State.UP, bulk=bulk_of("a", "b", "c"))))
    assert dictionary.is_crowded()
    encoder.add(looked(Report(state=State.UP, bulk=bulk_of("d", "e"))))
    batch = pb.Batch.FromString(encoder.take().payload)
    assert struct.unpack("<2I", batch.layout) == (1, 0)
    assert len(batch.values) == 3 * 8
