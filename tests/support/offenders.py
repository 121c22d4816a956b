"""Rules over many things at once: one test that lists everything that breaks it."""

from __future__ import annotations

from collections.abc import Iterable


def none(rule: str, found: Iterable[object]) -> None:
    """Fail with all of `found`, one a line, unless there is nothing."""
    __tracebackhide__ = True
    listed = [str(one) for one in found]
    assert not listed, f"{len(listed)} against the rule: {rule}\n  " + "\n  ".join(listed)
