"""Release check: what keeps a release back."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

from lodestore import __version__
from tools.check_release import SOURCE, WHEEL, problems, versions

TAG = f"v{__version__}"


def wheel(folder: Path, *names: str) -> Path:
    path = folder / f"lodestore-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as made:
        for name in names:
            made.writestr(name, "")
    return path


def source(folder: Path, *names: str) -> Path:
    path = folder / f"lodestore-{__version__}.tar.gz"
    with tarfile.open(path, "w:gz") as made:
        for name in names:
            made.addfile(tarfile.TarInfo(f"lodestore-{__version__}/{name}"))
    return path


def test_the_source_says_one_version() -> None:
    assert set(versions().values()) == {__version__}


def test_what_is_whole_may_go(tmp_path: Path) -> None:
    assert list(problems(TAG, [wheel(tmp_path, *WHEEL), source(tmp_path, *SOURCE)])) == []


@pytest.mark.parametrize("tag", ["v0.0.0", __version__, f"{TAG}.1", f"{TAG}rc1"])
def test_another_tag_is_held_back(tag: str) -> None:
    assert len(list(problems(tag, []))) == 2


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    found = list(problems(TAG, [wheel(tmp_path, *WHEEL[1:]), source(tmp_path, *SOURCE[1:])]))
    assert found == [
        f"lodestore-{__version__}-py3-none-any.whl has no {WHEEL[0]}",
        f"lodestore-{__version__}.tar.gz has no {SOURCE[0]}",
    ]


def test_a_file_of_another_version_or_alone_is_held_back(tmp_path: Path) -> None:
    made = wheel(tmp_path, *WHEEL)
    other = made.rename(tmp_path / "lodestore-0.0.0-py3-none-any.whl")
    assert len(list(problems(TAG, [other]))) == 2
