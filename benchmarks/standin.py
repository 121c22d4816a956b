"""Generated data where there is none: shapes and rough sizes of agents' work, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

TEXT = """agent asks tool answers order flight seat refund policy search result memory note plan step retry customer
account booking change cancel confirm reservation payment total query table select column index error file
value list status pending shipped address update request details available please thank sure would like help"""
WORDS = TEXT.split()


def text(rng: random.Random, size: int) -> str:
    """Words up to about `size` characters."""
    return " ".join(rng.choices(WORDS, k=max(1, size // 7)))


def _size(rng: random.Random) -> int:
    """56 % below 256 bytes, a few of several kB, as in recorded conversations."""
    return rng.choices([100, 300, 1200, 6000], [56, 39, 4, 1])[0]


def conversations(seed: int, count: int = 400) -> Iterator[dict[str, Any]]:
    """Sessions of a support agent: one policy for all, questions, tool calls with JSON results."""
    rng = random.Random(seed)
    policy = text(rng, 4000)
    for number in range(count):
        yield {"id": f"standin-{number}", "messages": list(_session(rng, policy))}


def _session(rng: random.Random, policy: str) -> Iterator[dict[str, Any]]:
    yield {"role": "system", "content": policy}
    yield {"role": "user", "content": text(rng, 120)}
    for turn in range(rng.randint(3, 12)):
        call = {"id": f"call_{turn}", "type": "function", "function": {"name": rng.choice(WORDS), "arguments": "{}"}}
        yield {"role": "assistant", "content": None, "tool_calls": [call]}
        yield {"role": "tool", "tool_call_id": call["id"], "content": text(rng, _size(rng))}
        yield {"role": "assistant", "content": text(rng, _size(rng))}
        yield {"role": "user", "content": text(rng, 80)}


def calls(seed: int, count: int = 400) -> Iterator[dict[str, Any]]:
    """Answers of models: half of them about 1 kB, a tenth 7 kB, some larger."""
    rng = random.Random(seed)
    for number in range(count):
        size = rng.choices([400, 1000, 7000, 40_000], [40, 45, 12, 3])[0]
        answer = {"id": f"resp-{number}", "choices": [{"message": {"role": "assistant", "content": text(rng, size)}}]}
        yield {"model": f"model-{number % 5}", "response": {**answer, "usage": {"total_tokens": size // 4}}}


def trace(seed: int, count: int = 2000) -> Iterator[dict[str, Any]]:
    """Requests of some blocks each: a shared beginning, then mostly blocks never seen before."""
    rng, newest = random.Random(seed), 100
    for number in range(count):
        blocks = [0]
        for _ in range(rng.randint(5, 20)):
            newest += 1
            blocks.append(newest if rng.random() < 0.65 else rng.randrange(1, newest))
        yield {"timestamp": number * 300, "hash_ids": blocks}
