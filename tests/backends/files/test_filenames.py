"""Names on the disk: injective whatever the file system, reversible, and never a way out."""

from __future__ import annotations

import hashlib

from hypothesis import given, strategies as st

from lodestore.backends.files import filenames

hostile = st.sampled_from(
    (
        "..",
        ".",
        "a/b",
        "../../etc",
        "CON",
        "con",
        "Aux",
        "nul",
        "com1",
        "%41",
        "A",
        "a",
        "a b",
        "~",
        "é",
        "e\u0301",
        "ß",
        "SS",
    )
)
ids = hostile | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200)
DEVICES = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))}


@given(ids, ids)
def test_two_ids_never_share_a_name(one: str, two: str) -> None:
    assert (filenames.encode(one).casefold() == filenames.encode(two).casefold()) == (one == two)


@given(ids)
def test_a_name_gives_its_id_back(text: str) -> None:
    name = filenames.encode(text)
    assert filenames.decode(name) == (None if filenames.is_hashed(name) else text)
    assert filenames.is_ours(name)


@given(ids)
def test_a_name_stays_in_its_folder(text: str) -> None:
    name = filenames.encode(text)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-%~")
    assert 0 < len(name) <= filenames.LONGEST
    assert name not in DEVICES


@given(ids)
def test_only_our_own_names_are_decoded(name: str) -> None:
    text = filenames.decode(name)
    assert text is None or filenames.encode(text) == name


def test_long_ids_are_cut_and_hashed() -> None:
    long = [letter * 1024 for letter in "abcé"[:3]] + ["a" * 181, "a" * 182, "É" * 61]
    found = {filenames.encode(text) for text in long}
    assert len(found) == len(long)
    assert all(filenames.is_hashed(name) for name in found)
    assert filenames.encode("a" * 181) == "a" * 100 + "~" + hashlib.sha256(b"a" * 181).hexdigest()
    assert filenames.encode("a" * 180) == "a" * 180


@given(ids)
def test_a_raw_path_never_climbs(text: str) -> None:
    path = filenames.raw_path(text)
    assert path is None or not {"", ".", ".."} & set(path.split("/"))
