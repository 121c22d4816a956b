"""Recently used entries: what is there is what was put, the newest are there, the bound is kept."""

from __future__ import annotations

from hypothesis import given, strategies as st

from lodestore.backends.sqlite.cache.lru import LRUCache
from lodestore.core.backend import MISS

LIMIT = 40
steps = st.lists(
    st.tuples(st.sampled_from(["put", "get", "get", "remove"]), st.sampled_from("abcdefgh"), st.integers(0, 20))
)


@given(steps)
def test_it_is_a_bounded_dictionary_of_the_newest(steps: list[tuple[str, str, int]]) -> None:
    recent, truth = LRUCache(LIMIT, lambda key, value: value), dict[str, int]()  # in the order of use
    sure: set[str] = set()  # what half of the bound has had room for ever since it was used
    for what, key, size in steps:
        if what == "put":
            recent.put(key, size)
            truth.pop(key, None)
            truth[key] = size
        elif what == "remove":
            recent.remove(key)
            truth.pop(key, None)
        elif (found := recent.get(key)) is not MISS:
            assert found == truth[key]
            truth[key] = truth.pop(key)
        held = recent.old | recent.young
        assert held.items() <= truth.items()
        assert sorted(recent) == sorted(held), "nothing is in both"
        assert recent.bytes == sum(held.values()) <= LIMIT
        assert what != "put" or key in held
        sure = newest(truth) & (sure | ({key} & held.keys()))
        assert sure <= held.keys()
    recent.clear()
    assert (recent.bytes, list(recent)) == (0, [])


def newest(truth: dict[str, int]) -> set[str]:
    """The most recently used keys that half of the bound has room for."""
    found, room = set(), LIMIT // 2
    for key, size in reversed(truth.items()):
        room -= size
        if room < 0:
            break
        found.add(key)
    return found
