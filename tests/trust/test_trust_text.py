"""What is signed is one text for one meaning: MIG's byte for byte, RFC 8785's, and one-line signatures."""

import json
import math
import struct
from contextlib import suppress
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vedette.actions.document_json import read_json
from vedette.errors import Invalid
from vedette.trust.action_text import V3_TAG, v2_text, v3_document, v3_text
from vedette.trust.canonical_json import canonical_json
from vedette.trust.go_json import go_json
from vedette.trust.number_text import ecmascript_number, go_number
from vedette.trust.one_line import armor, crc24, dearmor, read_one_line, write_one_line

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | FLOATS | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def test_migs_own_sample_is_byte_exact():
    operations = [
        {"module": "pkg", "parameters": {"vermatch": "", "pkgmatch": {"matches": ["test"]}}}
    ]
    signed = v2_text(
        name="pkg -s -name test ",
        target="status='online'",
        valid_from_s=1508946605,
        expire_after_s=1508946965,
        operations=operations,
    )
    assert signed == (
        b"name=pkg -s -name test ;target=status='online';validfrom=1508946605;"
        b'expireafter=%!s(int64=1508946965);operations=[{"module":"pkg","parameters":'
        b'{"pkgmatch":{"matches":["test"]},"vermatch":""}}];'
    )


def operations_of(operations):
    text = v2_text(
        name="n", target="t", valid_from_s=-1, expire_after_s=2, operations=operations
    ).decode()
    return text.removeprefix("name=n;target=t;validfrom=-1;expireafter=%!s(int64=2);operations=")


@pytest.mark.parametrize(
    ("operations", "text"),
    [
        (None, "null;"),
        ([], "[];"),
        ([{"module": "a"}], '[{"module":"a","parameters":null}];'),
        (
            [{"module": "a", "parameters": 1, "is_compressed": False, "want_compressed": True}],
            '[{"module":"a","parameters":1,"want_compressed":true}];',
        ),
        (
            [{"want_compressed": True, "is_compressed": True, "parameters": "x", "module": "<"}],
            '[{"module":"\\u003c","parameters":"x","is_compressed":true,"want_compressed":true}];',
        ),
    ],
)
def test_operations_are_written_in_migs_order_with_the_flags_that_are_true(operations, text):
    assert operations_of(operations) == text


def test_an_operation_with_a_key_mig_would_lose_cannot_be_signed():
    with pytest.raises(Invalid, match="no 'paramters'"):
        operations_of([{"module": "a", "paramters": {}}])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (0.5, "0.5"),
        (201410031030, "201410031030"),
        (201402071130.0, "201402071130"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-9, "1.5e-9"),
        (123456789012345678901, "123456789012345680000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.25e300, "-1.25e+300"),
        (5e-324, "5e-324"),
        (-0.0, "-0"),
        (2**53 + 1, "9007199254740992"),
        ("\"\\\n\r\t\b\f\x1f\x7f", '"\\"\\\\\\n\\r\\t\\u0008\\u000c\\u001f\x7f"'),
        ("<a href='&'>", "\"\\u003ca href='\\u0026'\\u003e\""),
        ("é中\u2028\u2029😀", '"é中\\u2028\\u2029😀"'),
        ("\ud800x", '"\\ufffdx"'),
        ({"é": 1, "b": 2, "a": [None, True, False], "\U0001f600": 3, "\uff61": 4},
         '{"a":[null,true,false],"b":2,"é":1,"\uff61":4,"😀":3}'),
    ],
)  # fmt: skip
def test_values_are_written_as_go_writes_them_after_decoding(value, text):
    assert go_json(value) == text


def slow_number(double):
    """Go's rule, the slow way: the fewest digits that give the same double back, by trying."""
    if double == 0:
        return "-0" if math.copysign(1, double) < 0 else "0"
    written = _fewest_digits(Decimal(double))
    digits = len(written.as_tuple().digits) - 1
    if 1e-6 <= abs(double) < 1e21:
        plain = f"{written:.{digits}e}"
        mantissa, exponent = plain.split("e")
        places = max(0, digits - int(exponent))
        scaled = int(mantissa.replace(".", "")) * 10 ** max(0, int(exponent) - digits)
        sign, body = ("-" if scaled < 0 else ""), str(abs(scaled)).rjust(places + 1, "0")
        return f"{sign}{body[:-places]}.{body[-places:]}" if places else sign + body
    return f"{written:.{digits}e}"


def _last(number):
    return number.as_tuple().digits[-1]


def _fewest_digits(exact):
    """Either side of the double may do, and at a power of two not always the nearer one."""
    for digits in range(17):
        unit = Decimal(1).scaleb(exact.adjusted() - digits)
        sides = {exact.quantize(unit, rounding=way) for way in (ROUND_FLOOR, ROUND_CEILING)}
        fitting = [one for one in sides if float(one) == float(exact)]
        if fitting:
            return min(fitting, key=lambda one: (abs(one - exact), _last(one) % 2)).normalize()
    raise AssertionError(exact)


@example(2.0**-24)
@example(2.0**-25)
@given(FLOATS)
def test_numbers_are_the_shortest_that_give_the_double_back(double):
    assert float(go_number(double)) == double
    assert go_number(double) == slow_number(double)


@given(JSON)
def test_what_is_signed_means_what_was_written(value):
    # Every number is a double, as Go and ECMAScript read it.
    assert json.loads(go_json(value), parse_int=float) == value
    assert json.loads(canonical_json(value), parse_int=float) == value


@given(JSON)
def test_writing_again_what_was_read_changes_nothing(value):
    assert go_json(json.loads(go_json(value), parse_int=float)) == go_json(value)
    read = json.loads(canonical_json(value), parse_int=float)
    assert canonical_json(read) == canonical_json(value)


def test_minus_nothing_keeps_its_sign_as_in_go():
    assert go_json(read_json(b'{"a": -0, "b": -0.0, "c": 0}')) == '{"a":-0,"b":-0,"c":0}'


RFC_NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}
"""RFC 8785, appendix B: the bits of doubles and how they are written."""


@pytest.mark.parametrize(("bits", "text"), RFC_NUMBERS.items())
def test_numbers_are_written_as_in_rfc_8785(bits, text):
    double = struct.unpack(">d", bytes.fromhex(bits))[0]
    assert ecmascript_number(double) == text


def test_the_sample_of_rfc_8785_is_byte_exact():
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
        "literals": [None, True, False],
    }
    assert (
        canonical_json(value)
        == (
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
        ).encode()
    )


def test_keys_are_sorted_by_utf_16_as_rfc_8785_says_and_by_utf_8_as_go_does():
    value = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😀": 5, "\x80": 6, "ö": 7}
    assert list(json.loads(canonical_json(value))) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]
    assert list(json.loads(go_json(value))) == ["\r", "1", "\x80", "ö", "€", "\ufb33", "😀"]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**400, {"a": {1, 2}}, b"x", "\ud800", 2**53 + 1]
)
def test_what_has_no_canonical_text_is_refused(value):
    with pytest.raises(Invalid):
        canonical_json(value)


def test_what_is_nested_too_deep_is_refused_not_recursed_into():
    value = []
    for _ in range(5_000):
        value = [value]
    with pytest.raises(Invalid, match="nested deeper"):
        go_json(value)


def test_a_signature_of_an_action_is_never_one_of_something_else():
    document = v3_document({"b": 1, "a": 2})
    assert document == b'{"a":2,"b":1}'
    assert v3_text(document) == V3_TAG + document == b'vedette action v3\n{"a":2,"b":1}'


def test_the_checksum_is_openpgps():
    assert crc24(b"123456789") == 0x21CF02
    assert crc24(b"") == 0xB704CE


@given(st.binary(min_size=1, max_size=200))
def test_a_signature_in_one_line_is_read_back_whatever_its_padding(packet):
    assert read_one_line(write_one_line(packet)) == packet
    assert read_one_line(f" {write_one_line(packet)}\n") == packet
    assert dearmor(armor("PGP SIGNATURE", packet)) == ("PGP SIGNATURE", packet)
    assert dearmor(armor("PGP SIGNATURE", packet).replace("\n", "\r\n"))[1] == packet


@given(st.binary(min_size=1, max_size=60), st.integers(0, 80), st.sampled_from("AZaz09+/"))
def test_a_changed_line_does_not_have_its_own_checksum(packet, at, letter):
    line = write_one_line(packet)
    at %= len(line)
    changed = line[:at] + letter + line[at + 1 :]
    if changed == line:
        return
    with suppress(Invalid):
        assert read_one_line(changed) == packet  # base64's unused bits alone differ


@given(st.text(max_size=60))
def test_any_other_line_is_refused(line):
    with pytest.raises(Invalid):
        read_one_line(line)
    with pytest.raises(Invalid):
        dearmor(line)


def test_armour_with_headers_is_read_and_a_cut_one_is_refused():
    text = armor("PGP SIGNATURE", b"abc")
    assert dearmor(text.replace("-----\n\n", "-----\nVersion: GnuPG v1\n\n"))[1] == b"abc"
    for cut in (text[:40], text.replace("YWJj", "YWJk")):
        with pytest.raises(Invalid):
            dearmor(cut)
