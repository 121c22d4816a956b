"""Redis backend: a store on a Redis or Valkey server, 7.0 or newer, alone or in a cluster."""

from __future__ import annotations

from .backend import RedisBackend

__all__ = ["RedisBackend"]
