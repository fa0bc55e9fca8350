"""What holds for every module, ours and a stranger's."""

import json
from typing import Any, ClassVar

import msgspec
import pytest

from vedette import plugins
from vedette.agent.modules import (
    GROUP,
    Context,
    Module,
    Needs,
    Parameters,
    Result,
    read_parameters,
)
from vedette.errors import Invalid

MODULES = plugins.names(GROUP)


class Inner(Parameters):
    names: tuple[str, ...] = ()


class Outer(Parameters):
    searches: dict[str, Inner]
    limit: int | None = None


class Sample:
    name: ClassVar[str] = "sample"
    description: ClassVar[str] = "Does nothing."
    needs: ClassVar[Needs] = Needs()
    parameters: ClassVar[type[Parameters]] = Outer

    def run(self, parameters: Any, context: Context) -> Result:
        return Result(success=True)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_it_is(name: str) -> None:
    module = plugins.load(GROUP, name)()
    assert isinstance(module, Module)
    assert module.name == name
    assert module.description.endswith(".")
    assert issubclass(module.parameters, Parameters)
    assert isinstance(module.needs, Needs)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_refuses_a_key_it_does_not_know(name: str) -> None:
    with pytest.raises(Invalid, match=r"'nosuchkey'.*known: "):
        read_parameters(plugins.load(GROUP, name), {"nosuchkey": 1})


@pytest.mark.parametrize("name", MODULES)
def test_a_modules_parameters_have_a_json_schema(name: str) -> None:
    assert json.dumps(msgspec.json.schema(plugins.load(GROUP, name).parameters))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"serches": {}},
            "there is no 'serches' (did you mean 'searches'? known: limit, searches)",
        ),
        ({"searches": {"s1": {"name": ["x"]}}}, "searches, 's1': there is no 'name' (did you mean"),
        ({"searches": {"s1": {"names": "x"}}}, "Expected `array`, got `str`"),
        ({"searches": {}, "limit": "x"}, "Expected `int | null`, got `str`"),
        ({}, "missing required field `searches`"),
        ([], "Expected `object`, got `array`"),
        (None, "Expected `object`"),
    ],
)
def test_what_a_module_cannot_read_is_named(given: Any, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_parameters(Sample, given)
    assert said in str(refused.value)
    assert str(refused.value).startswith("module sample")


class Lax(msgspec.Struct, rename="upper"):
    """A stranger's, whose author forgot to forbid what it does not know."""

    name: str = ""
    inside: list["Lax"] = []


class LaxOuter(Parameters):
    by_name: dict[str, Lax] = msgspec.field(default_factory=dict)
    one: Lax | None = None
    pair: tuple[Lax, ...] = ()


class LaxSample(Sample):
    name: ClassVar[str] = "lax"
    parameters: ClassVar[type[Parameters]] = LaxOuter


@pytest.mark.parametrize(
    "wrong", [{"nam": "x"}, {"name": "x"}, {"INSIDE": [{}, {"NAME": "x", "nam": 1}]}]
)
def test_a_key_that_a_lax_struct_would_take_is_refused_as_deep_as_it_stands(
    wrong: dict[str, Any],
) -> None:
    for given in ({"by_name": {"a": {}, "b": wrong}}, {"one": wrong}, {"pair": [{}, wrong]}):
        with pytest.raises(Invalid, match=r"there is no 'name?'.*known: INSIDE, NAME"):
            read_parameters(LaxSample, given)


def test_what_stands_as_its_struct_says_is_read() -> None:
    given = {"by_name": {"a": {"NAME": "x", "INSIDE": [{"NAME": "y"}]}}, "one": {}, "pair": [{}]}
    read = read_parameters(LaxSample, given)
    assert read == LaxOuter(
        by_name={"a": Lax(name="x", inside=[Lax(name="y")])}, one=Lax(), pair=(Lax(),)
    )


def test_an_answer_has_migs_five_keys_in_migs_order() -> None:
    answer = msgspec.json.encode(Result(foundanything=True, success=True, elements={"s1": []}))
    assert answer == (
        b'{"foundanything":true,"success":true,"elements":{"s1":[]},"statistics":null,"errors":[]}'
    )
