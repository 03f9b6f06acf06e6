"""Property bags survive the way to the engine and back; differences are named by path."""

from hypothesis import given
from hypothesis import strategies as st

from providers.base.diffing import ADD, DELETE, UPDATE, detailed, join, same, top
from providers.base.values import UNKNOWN, Asset, Secret, Unknown, contains_unknown, decode, encode, reveal

LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.just(UNKNOWN)
VALUES = st.recursive(
    LEAVES | st.builds(Secret, st.text()) | st.builds(Asset, path=st.text(min_size=1), hash=st.text(min_size=1)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
BAGS = st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=5)


@given(BAGS)
def test_what_is_encoded_decodes_to_the_same(bag: dict[str, object]) -> None:
    assert decode(encode(bag)) == bag


@given(BAGS)
def test_nothing_differs_from_itself_unless_unknown(bag: dict[str, object]) -> None:
    assert contains_unknown(bag) or detailed(bag, bag) == {}


@given(BAGS, BAGS)
def test_what_is_added_one_way_is_deleted_the_other(old: dict[str, object], new: dict[str, object]) -> None:
    there, back = detailed(old, new), detailed(new, old)
    turned = {ADD: DELETE, DELETE: ADD, UPDATE: UPDATE}
    assert {path: turned[kind] for path, kind in there.items()} == back


def test_differences_are_named_at_the_deepest_path() -> None:
    old = {"a": {"b": [1, 2], "c.d": 1}, "gone": 1, "s": Secret("x"), "f": Asset(path="p", hash="1")}
    new = {"a": {"b": [1, 3, 4], "c.d": UNKNOWN}, "new": 1, "s": Secret("y"), "f": Asset(path="q", hash="1")}
    assert detailed(old, new) == {
        "gone": DELETE,
        "a.b[1]": UPDATE,
        "a.b[2]": ADD,
        'a["c.d"]': UPDATE,
        "s": UPDATE,
        "new": ADD,
    }


def test_kinds_of_values_are_told_apart() -> None:
    assert not same(True, 1)
    assert not same("1", 1)
    assert same(1, 1.0)
    assert same(Secret("x"), "x")
    assert same({"a": None}, {})
    assert not same(Asset(path="p", hash="1"), Asset(path="p", hash="2"))


def test_paths_are_quoted_where_they_must_be() -> None:
    assert join(join("", "hosts"), "a.example") == 'hosts["a.example"]'
    assert join("a", 0) == "a[0]"
    assert top('hosts["a.example"].b') == "hosts"


def test_there_is_one_unknown_and_a_secret_does_not_show() -> None:
    assert Unknown() is UNKNOWN
    assert "hush" not in repr(Secret("hush"))
    assert reveal({"a": [Secret({"b": Secret(1)})]}) == {"a": [{"b": 1}]}
