"""A `Secret` never shows its value by accident."""

import copy
import dataclasses
import json
import pickle
from pprint import pformat

import msgspec
import pytest
from hypothesis import given, strategies as st

from nestpy_core._secret import Secret

CANARY = "canary-1f9c"


class Holder(msgspec.Struct):
    key: Secret[str]


@dataclasses.dataclass
class Data:
    key: Secret[str]


WAYS = {
    "str": str,
    "repr": repr,
    "f-string": lambda secret: f"{secret}",
    "f-string with repr": lambda secret: f"{secret!r:>10}",
    "format specification": lambda secret: format(secret, ">40d"),
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "struct": lambda secret: repr(Holder(secret)),
    "dataclass": lambda secret: repr(Data(secret)),
    "list": lambda secret: repr([secret]),
    "pprint": lambda secret: pformat({"key": secret}),
    "secret of a secret": lambda secret: repr(Secret(secret)),
    "json with str": lambda secret: json.dumps({"key": secret}, default=str),
    "msgspec with str": lambda secret: msgspec.json.encode(Holder(secret), enc_hook=str).decode(),
}


@pytest.mark.parametrize("show", WAYS.values(), ids=WAYS)
def test_every_way_of_printing_shows_stars(show):
    assert "***" in show(Secret(CANARY))
    assert CANARY not in show(Secret(CANARY))


def test_reveal_gives_the_value():
    assert Secret(CANARY).reveal() == CANARY


@pytest.mark.parametrize("encode", [msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins, json.dumps])
def test_encoding_is_refused_and_the_refusal_does_not_quote_the_value(encode):
    with pytest.raises(TypeError) as refused:
        encode({"key": Secret(CANARY)})
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_is_refused(protocol):
    with pytest.raises(TypeError, match="a `Secret` cannot be pickled"):
        pickle.dumps(Secret(CANARY), protocol)


def test_copies_are_the_secret_itself():
    secret = Secret([CANARY])
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret


def test_it_cannot_be_changed():
    secret = Secret(CANARY)
    for change in (
        lambda: setattr(secret, "value", 1),
        lambda: setattr(secret, "_Secret__value", 1),
        lambda: delattr(secret, "_Secret__value"),
    ):
        with pytest.raises(AttributeError, match="immutable"):
            change()
    assert secret.reveal() == CANARY


def test_it_cannot_be_made_anew():
    secret = Secret(CANARY)
    with pytest.raises(AttributeError, match="immutable"):
        secret.__init__("other")
    assert secret.reveal() == CANARY


def test_a_parametrised_secret_is_constructible():
    assert Secret[str](CANARY).reveal() == CANARY


def test_it_has_no_dictionary_to_look_into():
    with pytest.raises(TypeError):
        vars(Secret(CANARY))


@given(st.text() | st.binary() | st.integers(), st.text() | st.binary() | st.integers())
def test_equality_and_hash_are_those_of_the_values(left, right):
    assert (Secret(left) == Secret(right)) is (left == right)
    if left == right:
        assert hash(Secret(left)) == hash(Secret(right))


def test_a_secret_never_equals_its_bare_value():
    assert Secret("a") != "a"
    assert Secret("a") != b"a"
    assert Secret("\ud800") == Secret("\ud800")


@pytest.mark.parametrize(("value", "truth"), [("", False), ("a", True), (b"0", True), (0, False), (None, False)])
def test_it_is_true_when_the_value_is(value, truth):
    assert bool(Secret(value)) is truth
