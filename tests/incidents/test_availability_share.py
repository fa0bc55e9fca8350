"""A share is as exact as a fraction, whatever it is compared with."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from vedette.incidents.availability_share import Share, mean, percent

numbers = st.integers(-(10**16), 10**16)
wholes = st.integers(1, 10**16)
shares = st.builds(Share, numbers, wholes)


def fraction(share: Share) -> Fraction:
    return Fraction(share.numerator, share.denominator)


@given(shares, shares)
def test_shares_compare_as_fractions_do(one, other):
    left, right = fraction(one), fraction(other)
    assert (one == other, one < other, one >= other) == (left == right, left < right, left >= right)
    assert (one == right, one != right, one < right, right > one) == (
        left == right, left != right, left < right, right > left,
    )  # fmt: skip
    if one == other:
        assert hash(one) == hash(other) == hash(left)


@given(numbers, wholes, st.integers(1, 1_000))
def test_a_share_that_is_not_reduced_is_the_same_number(part, whole, times):
    assert Share(part, whole) == Share(part * times, whole * times)
    assert percent(Share(part, whole)) == percent(Share(part * times, whole * times))
    assert percent(Share(part, whole)) == percent(Fraction(part, whole))


@given(st.lists(shares, min_size=1, max_size=8))
def test_a_mean_is_exact(members):
    assert mean([None, *members]) == sum(map(fraction, members)) / len(members)
