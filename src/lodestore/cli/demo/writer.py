"""`python -m lodestore.demo.writer URL`: append messages until killed, and acknowledge each one on standard output.

An acknowledgement, `position text`, is written after the append has returned, never before: what the reader of the
pipe has seen must be in the store, whatever happens to this process.
"""

from __future__ import annotations

import asyncio
import os
import sys

from ...store.opening import open as open_store
from ...store.store import Store

CONVERSATION = "killed-mid-sentence"
CALLERS = 8  # tasks that write at once: their appends share commits


async def main(url: str) -> None:
    """Write until somebody ends it."""
    async with open_store(url) as store:
        await asyncio.gather(*(_talk(store, caller) for caller in range(CALLERS)))


async def _talk(store: Store, caller: int) -> None:
    number = 0
    while True:
        text = f"note {number} of caller {caller}"
        [position] = await store.append_raw_messages(CONVERSATION, [{"role": "user", "content": text}])
        # One write call below the size of a pipe's buffer: never cut in half, and out of our hands at once.
        os.write(sys.stdout.fileno(), f"{position} {text}\n".encode())
        number += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
