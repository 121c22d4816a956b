"""What a run leaves in the checkout is noticed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.checkout import Checkout


def test_new_files_are_told_and_ignored_ones_are_not(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.pyc\n")
    (tmp_path / "before.txt").touch()
    checkout = Checkout(tmp_path)
    assert checkout.look() == set()
    assert list(checkout.lines()) == []
    (tmp_path / "people.db").touch()
    (tmp_path / "a.pyc").touch()
    assert checkout.look() == {"people.db"}
    [line] = checkout.lines()
    assert line.startswith("left in the checkout")
    assert line.endswith("people.db")


def test_without_a_checkout_nothing_is_told(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    (tmp_path / "people.db").touch()
    assert checkout.look() == set()
