"""A chat app that remembers: start it again, and it goes on."""

import asyncio
import sys
from typing import Any

import lodestore


async def model(messages: list[dict[str, Any]]) -> str:
    """Stand-in for your model: replace the body with a call of it."""
    return f"I heard {messages[-1]['content']!r}. Messages: {len(messages)}."


async def reply(store: lodestore.Store, chat: str, text: str) -> str:
    await store.append_raw_messages(chat, [{"role": "user", "content": text}])
    history = await store.load_raw_messages(chat, limit=20)
    answer = await model(history)
    message = {"role": "assistant", "content": answer}
    async with store.transaction() as tx:  # both are written, or neither
        await tx.append_raw_messages(chat, [message])
        if len(history) == 1:
            await tx.store_conversation(chat, {"title": text[:40]})
    return answer


async def command(store: lodestore.Store, chat: str, line: str) -> str:
    name, _, rest = line.partition(" ")
    if name == "/list":
        return "\n".join(await store.list_conversations())
    if name == "/remember":
        await store.store_memory(chat, rest, {"text": rest})
        return f"I will remember: {rest}"
    if name == "/find":
        hits = await store.search(rest, limit=5)
        return "\n".join(f"{hit.key[0]}: {hit.snippet}" for hit in hits)
    return "commands: /list, /remember TEXT, /find WORDS"


async def main(chat: str) -> None:
    async with lodestore.open("sqlite:///chat.db") as store:
        for message in await store.load_raw_messages(chat, limit=6):
            print(f"{message['role']}: {message['content']}")
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            answer = command if line.startswith("/") else reply
            print(await answer(store, chat, line))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "chat-1"))
