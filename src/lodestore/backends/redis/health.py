"""Redis health: whether a server may forget what it has acknowledged."""

from __future__ import annotations

from typing import Any

from ...errors import LodestoreError, UnavailableError
from .client import Client


async def inspect(client: Client) -> dict[str, Any]:
    """What the server says of its memory and its disk, with a warning for each way to lose a write."""
    told = _parse(await client.ask("INFO", "everything"))
    details: dict[str, Any] = {
        "server": told.get("valkey_version") or told.get("redis_version"),
        "aof": told.get("aof_enabled") == "1",
        "appendfsync": await _appendfsync(client),
        "maxmemory_policy": told.get("maxmemory_policy"),
        "evicted_keys": int(told.get("evicted_keys", 0)),
    }
    return {"warnings": _warnings(told, details), **details}


async def run_of(client: Client) -> str | None:
    """The server's name for itself, another after each start; None where it does not say."""
    try:
        return _parse(await client.ask("INFO", "server")).get("run_id")
    except UnavailableError:
        raise
    except LodestoreError:  # not everybody may ask
        return None


def _warnings(told: dict[str, str], details: dict[str, Any]) -> list[str]:
    warnings = []
    if not details["aof"]:
        warnings.append("the server keeps no append-only file (appendonly no): a crash loses what was acknowledged")
    elif details["appendfsync"] not in ("always", "everysec", None):
        warnings.append(f"appendfsync {details['appendfsync']}: a power cut loses what was acknowledged")
    if details["maxmemory_policy"] not in (None, "noeviction"):
        warnings.append(
            f"maxmemory-policy {details['maxmemory_policy']}: the server evicts records when memory is full"
        )
    steps = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
    warnings += [f"{name} is {told[name]}" for name in steps if told.get(name, "ok") != "ok"]
    return warnings


async def _appendfsync(client: Client) -> str | None:
    """None where the server does not let us ask, as hosted ones do."""
    try:
        found = await client.ask("CONFIG", "GET", "appendfsync")
    except UnavailableError:
        raise
    except LodestoreError:
        return None
    return str(found[b"appendfsync"].decode()) if found else None


def _parse(info: bytes | str) -> dict[str, str]:
    text = info.decode() if isinstance(info, bytes) else info
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith("#"))
