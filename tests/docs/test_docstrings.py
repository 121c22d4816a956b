"""Docstrings of the public API: every parameter, result and error is described, and the examples run."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lodestore
from lodestore import embedding, filters
from lodestore.store.transaction import Transaction
from lodestore.sync import SyncStore, SyncTransaction
from tests.support.offenders import none

FUNCTIONS = (
    *(value for name in lodestore.__all__ if inspect.isfunction(value := getattr(lodestore, name))),
    *(value for name in embedding.__all__ if inspect.isfunction(value := getattr(embedding, name))),
    *(filters.parse, filters.matches, filters.field, lodestore.sync.open),
)
CLASSES = (lodestore.Store, SyncStore, Transaction, SyncTransaction, lodestore.StorageFactory)
NEVER_RAISES = {
    "health_check",
    "get_available_backends",
    "create_default_file_storage",
    "create_default_sqlite_storage",
}
NEVER_RAISES |= {"matches", "field"}
EXAMPLES = (
    *("append_raw_messages", "load_raw_messages", "store_memory", "search", "store_cache_entry", "load_cache_entry"),
    *("transaction", "store_system_state", "save_result", "upsert_vectors", "search_vectors", "backup"),
)


def public() -> Iterator[tuple[str, Callable[..., Any]]]:
    yield from ((function.__name__, function) for function in FUNCTIONS)
    for owner in CLASSES:
        for name, value in inspect.getmembers(owner, inspect.isroutine):
            if not name.startswith("_"):
                yield f"{owner.__name__}.{name}", value


PUBLIC = dict(public())


def sections(function: Callable[..., Any]) -> dict[str, str]:
    """The sections of a docstring by their names; what stands before them under ""."""
    parts = re.split(r"^(Args|Returns|Raises|Example):\n", inspect.getdoc(function) or "", flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], map(textwrap.dedent, parts[2::2]), strict=True))}


def described(text: str) -> list[str]:
    """The names that a section describes: what stands before a colon, at its margin."""
    return re.findall(r"^(\*{0,2}\w+):", text, re.MULTILINE)


def parameters(function: Callable[..., Any]) -> list[str]:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    found = inspect.signature(function).parameters.values()
    return [f"{stars.get(p.kind, '')}{p.name}" for p in found if p.name not in ("self", "cls")]


def test_every_parameter_is_described_in_its_order() -> None:
    found = {name: (parameters(it), described(sections(it).get("Args", ""))) for name, it in PUBLIC.items()}
    none("Args are the parameters", (f"{name}: {has} but {says}" for name, (has, says) in found.items() if has != says))


def test_every_result_is_described() -> None:
    returns = {name: inspect.signature(it).return_annotation not in (None, "None") for name, it in PUBLIC.items()}
    none("Returns", (name for name, it in PUBLIC.items() if ("Returns" in sections(it)) is not returns[name]))


def test_every_error_is_named_and_exists() -> None:
    for name, it in PUBLIC.items():
        errors = described(sections(it).get("Raises", ""))
        assert errors or name.rpartition(".")[2] in NEVER_RAISES, f"{name} names no error"
        none("an error of lodestore", (f"{name}: {error}" for error in errors if not hasattr(lodestore, error)))


def test_a_summary_is_one_line_and_a_sentence() -> None:
    summaries = {name: (inspect.getdoc(it) or "").split("\n\n")[0] for name, it in PUBLIC.items()}
    none("a summary", (f"{name}: {text!r}" for name, text in summaries.items() if "\n" in text or text[-1:] != "."))


def code_of(function: Callable[..., Any]) -> str:
    """The example of a docstring; empty where there is none."""
    [*blocks] = re.findall(r"```python\n(.*?)```", sections(function).get("Example", ""), re.DOTALL)
    return textwrap.dedent(blocks[0]) if blocks else ""


def test_what_is_used_most_has_an_example() -> None:
    wanted = {f"{owner}.{name}" for owner in ("Store", "SyncStore") for name in EXAMPLES} | {"open", "memoize"}
    none("an example", (name for name in sorted(wanted) if not code_of(PUBLIC[name])))
    assert code_of(lodestore.sync.open)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def run(code: str, **names: Any) -> None:
    made = eval(compile(code, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)  # noqa: S307  our own
    if inspect.iscoroutine(made):
        await made


def examples(of: str) -> list[str]:
    return [code for name, it in PUBLIC.items() if name.startswith(of) and (code := code_of(it))]


def test_the_examples_of_the_store_run(scratch: Path) -> None:
    async def main() -> None:
        async with lodestore.open("sqlite:///examples.db") as store:
            for code in (*examples("Store."), *map(code_of, (lodestore.open, lodestore.memoize))):
                await run(code, store=store, lodestore=lodestore)

    asyncio.run(main())
    assert {path.name for path in scratch.glob("*.db")} == {"agent.db", "agent-backup.db", "examples.db"}


def test_the_examples_of_the_sync_store_run(scratch: Path) -> None:
    with lodestore.sync.open("sqlite:///examples.db") as store:
        for code in (*examples("SyncStore."), code_of(lodestore.sync.open)):
            assert not re.search("await|async", code)
            exec(compile(code, "example", "exec"), {"store": store, "lodestore": lodestore})  # noqa: S102  our own
    assert (scratch / "agent-backup.db").exists()
