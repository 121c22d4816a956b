"""Synchronous API: `lodestore.sync.open(url)`, for code without an event loop."""

from __future__ import annotations

from .store.sync_store import SyncStore, SyncTransaction, open

__all__ = ["SyncStore", "SyncTransaction", "open"]
