"""JSON from strangers: whatever they send is either understood in one way only or refused with a reason."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superapp.core.api.parsing import parse_json
from superapp.core.errors import MalformedBody


def reason(text: str | bytes, *, max_depth: int = 20) -> str:
    with pytest.raises(MalformedBody) as refusal:
        parse_json(text, max_depth=max_depth)
    assert refusal.value.status == 400
    return str(refusal.value.details["reason"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, "\xc3\xa9", null, true]}', {"a": [1, "é", None, True]}),
        (b"[]", []),
        (b'"text"', "text"),
        (b"12.5", 12.5),
        (b'{"emoji": "\\ud83d\\ude00"}', {"emoji": "😀"}),
        (b'{"a": {"x": 1}, "b": {"x": 1}}', {"a": {"x": 1}, "b": {"x": 1}}),
        ("{}", {}),
    ],
)
def test_plain_json_is_read(text: str | bytes, value: object) -> None:
    assert parse_json(text, max_depth=20) == value


@pytest.mark.parametrize(
    "text",
    [b'{"a": 1, "a": 2}', b'{"a": 1, "a": 1}', b'{"x": {"a": 1, "\\u0061": 2}}', b'[{"a": null, "a": null}]'],
)
def test_key_that_stands_twice_is_refused(text: bytes) -> None:
    assert reason(text) == "a key stands twice in one object"


def test_a_number_without_end_is_refused_in_our_words() -> None:
    assert reason("9" * 4_301) == reason("9" * 5_000) == "a number has too many digits"
    assert parse_json("9" * 4_300, max_depth=1) == int("9" * 4_300)


@pytest.mark.parametrize("text", [b"NaN", b'{"a": Infinity}', b"[-Infinity]", b"1e400", b'{"a": [-1e400]}'])
def test_number_that_json_does_not_know_is_refused(text: bytes) -> None:
    assert reason(text).endswith(("is not JSON", "is out of range"))


@pytest.mark.parametrize(
    "text",
    [
        rb'"\ud800"',
        rb'["\udfff"]',
        rb'{"a": "\ud800"}',
        rb'{"\ud800": 1}',
        rb'{"a": ["b", "\udc00"]}',
        rb'{"a": [["\ud83d"]]}',
        rb'{"a": "\ude00\ud83d"}',
        rb'[[{"a": 1}, "\ud800x"]]',
    ],
)
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(text: bytes) -> None:
    assert reason(text) == "text with half a surrogate pair"


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": "\xff"}',
        b'"\xc3"',
        b'{"a": "\xed\xa0\x80"}',
        b'"\xc0\xaf"',
        '{"a": "é"}'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-32"),
    ],
)
def test_bytes_that_are_not_utf_8_are_refused(text: bytes) -> None:
    assert reason(text) == "not UTF-8"


@pytest.mark.parametrize(
    "text",
    [b"", b" ", b"{", b'{"a": }', b"{'a': 1}", b'{"a": 1,}', b'{"a": 1} x', b"\x00", b'{"a": "\x00"}', b'"\n"', b"01"],
)
def test_what_is_not_json_is_refused(text: bytes) -> None:
    assert reason(text) != ""


@pytest.mark.parametrize("text", [b'\xef\xbb\xbf{"a": 1}', '{"a": 1}'.encode("utf-16-le")])
def test_marks_and_gaps_of_other_encodings_are_refused(text: bytes) -> None:
    assert reason(text) != ""


def test_integer_with_thousands_of_digits_is_refused() -> None:
    assert reason(b'{"a": ' + b"9" * 5_000 + b"}") != ""


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_is_counted_in_containers(opening: bytes, closing: bytes) -> None:
    parse_json(opening * 20 + b"1" + closing * 20, max_depth=20)
    assert reason(opening * 21 + b"1" + closing * 21) == "nested too deeply"


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b"[", b"")])
def test_bomb_of_brackets_is_refused(opening: bytes, closing: bytes) -> None:
    assert reason(opening * 50_000 + b"1" + closing * 50_000) == "nested too deeply"


# The same examples in every run, however slow the machine.
steady = settings(derandomize=True, deadline=None, database=None)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


@steady
@given(_values)
def test_every_value_survives_the_way_through_json(value: object) -> None:
    assert parse_json(json.dumps(value).encode(), max_depth=20) == value


@steady
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: json.dumps(text).encode()[:-1]))
def test_random_bytes_are_read_or_refused_and_nothing_else(noise: bytes) -> None:
    try:
        value = parse_json(noise, max_depth=5)
    except MalformedBody:
        return
    # What was read can be shown again.
    json.dumps(value, ensure_ascii=False).encode()
