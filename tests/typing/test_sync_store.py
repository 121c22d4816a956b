"""SyncStore and Store are equal: the same methods, parameters, types and documentation."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

import lodestore
from lodestore.config.open_settings import OpenSettings
from lodestore.config.registry import SCHEMES
from lodestore.config.settings import Settings
from lodestore.store.transaction import Transaction
from lodestore.sync import SyncStore, SyncTransaction
from tools import generate_sync


def public(owner: type) -> dict[str, Callable[..., Any]]:
    return {name: value for name, value in inspect.getmembers(owner, inspect.isfunction) if not name.startswith("_")}


def hints(function: Callable[..., Any]) -> dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(function, include_extras=True).items() if name != "return"}


def shape(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults of parameters; a default that is a function is known by its name."""
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, getattr(p.default, "__qualname__", p.default)) for p in parameters]


def test_what_is_committed_is_what_is_generated() -> None:
    assert generate_sync.TARGET.read_text(encoding="utf-8") == generate_sync.rendered(), "run ./dev generate"


def test_every_method_has_its_twin() -> None:
    store, sync = public(lodestore.Store), public(SyncStore)
    assert set(sync) == {*store, "close"} - {"aclose"}
    for name in store.keys() - {"aclose", "reindex"}:
        assert shape(store[name]) == shape(sync[name]), name
        assert hints(store[name]) == hints(sync[name]), name
        assert inspect.iscoroutinefunction(store[name]) or name == "transaction"
        assert not inspect.iscoroutinefunction(sync[name]), name
    assert [part[:2] for part in shape(store["reindex"])] == [part[:2] for part in shape(sync["reindex"])]


def test_every_method_of_a_transaction_has_its_twin() -> None:
    transaction, sync = public(Transaction), public(SyncTransaction)
    assert set(sync) == set(transaction)
    for name, method in transaction.items():
        assert (shape(method), hints(method)) == (shape(sync[name]), hints(sync[name])), name


def test_both_doors_open_alike() -> None:
    assert shape(lodestore.open) == shape(lodestore.sync.open)
    assert hints(lodestore.open) == hints(lodestore.sync.open)


def named_settings() -> Iterator[tuple[type[Settings], str, Any]]:
    """Every setting of every backend, but for where the store is: that is the URL."""
    for scheme in SCHEMES.values():
        types = get_type_hints(scheme.settings)
        for field in dataclasses.fields(scheme.settings):
            if field.name not in (scheme.path, scheme.whole):
                yield scheme.settings, field.name, types[field.name]


def test_open_names_the_settings_of_every_backend() -> None:
    known = get_type_hints(OpenSettings)
    assert {name for _, name, _ in named_settings()} == set(known)
    for kind, name, hint in named_settings():
        assert known[name] == hint, f"{kind.__name__}.{name}"
    assert not OpenSettings.__required_keys__


def test_every_setting_is_documented() -> None:
    text = inspect.getdoc(OpenSettings) or ""
    assert {name for name in get_type_hints(OpenSettings) if f"    {name}: " not in text} == set()
