"""The seven steps, in order; each prints what it did and keeps the figures."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ...core.clock import system_clock
from ...errors import InvalidInputError, UnavailableError
from ...store.opening import open as open_store
from ...transfer.export import export, open_output
from ...transfer.importers import import_files
from .crash import kill_a_writer
from .figures import Say, Story

CONVERSATIONS = Path(__file__).with_name("conversations.jsonl")
WORD = "invoice"
QUESTION = "can I get my money back for a cancelled train?"
QUERY = """
    SELECT c.conversation_id AS id, json_extract(c.data, '$.title') AS title, count(*) AS messages
    FROM conversations AS c JOIN raw_messages AS m USING (conversation_id)
    WHERE m.data LIKE '%' || ? || '%' GROUP BY id ORDER BY messages DESC, id LIMIT 3"""


def run(at: str | None, say: Say) -> dict[str, Any]:
    """The whole story in `at` (None: a new temporary folder); figures, with `ok` false where a promise was broken."""
    began = time.perf_counter()
    story = Story(_folder(at), say)
    asyncio.run(_fill(story))
    kept = kill_a_writer(story)
    same = asyncio.run(_move(story)) if kept else False
    asyncio.run(_search(story))
    story.figures["ok"] = kept and same
    story.figures["seconds"] = round(time.perf_counter() - began, 2)
    _close(story)
    return story.figures


def _folder(at: str | None) -> Path:
    if at is None:
        return Path(tempfile.mkdtemp(prefix="lodestore-demo-"))
    folder = Path(at).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise InvalidInputError(f"--at: {folder} is not empty; choose a new folder")
    except OSError as error:
        raise UnavailableError(f"--at: {folder}: {error.strerror or error}") from error
    return folder


async def _fill(story: Story) -> None:
    story.step(1, "A new store: one SQLite file")
    began = time.perf_counter()
    async with open_store(story.url) as store:
        taken = round((time.perf_counter() - began) * 1000, 1)
        story.note("open_ms", taken, f"{story.folder / 'agent.db'}, created in {taken} ms")
        await _import(story, store)
        await _write(story, store)
        await _ask(story, store)


async def _import(story: Story, store: Any) -> None:
    story.step(2, "Import conversations")
    began = time.perf_counter()
    report = await import_files(store.backend, [CONVERSATIONS], now=system_clock())
    taken = round((time.perf_counter() - began) * 1000, 1)
    counts = dict(report.families)
    conversations, messages = counts["conversation"], counts["raw_message"]
    story.note("imported", counts, f"{conversations} conversations, {messages} messages in {taken} ms")
    stats = await store.get_storage_stats()
    kib = [round(size / 1024) for size in (CONVERSATIONS.stat().st_size, stats["total_bytes"])]
    story.note(
        "total_bytes",
        stats["total_bytes"],
        f"{kib[0]} KiB of JSON, {kib[1]} KiB on disk with its indexes and write-ahead log",
    )


async def _write(story: Story, store: Any) -> None:
    story.step(3, "Five kinds of record in one transaction: all of them or none")
    began = time.perf_counter()
    async with store.transaction() as tx:
        await tx.append_raw_messages("vat-question", [{"role": "user", "content": "Remember: invoices in English."}])
        await tx.store_memory("vat-question", "language", {"text": "wants invoices in English", "importance": 0.8})
        await tx.store_reasoning_chain("bookkeeper", {"steps": ["read the invoice", "check the rate", "answer"]})
        await tx.store_cache_entry("llm:vat-rates", {"standard": 0.19, "reduced": 0.07}, ttl=3600)
        await tx.store_system_state("last_seen", {"conversation": "vat-question"})
    taken = round((time.perf_counter() - began) * 1000, 1)
    story.note("transaction_ms", taken, f"message, memory, reasoning chain, cache entry, state: on disk in {taken} ms")


async def _ask(story: Story, store: Any) -> None:
    story.step(4, f"Ask in SQL: which conversations mention {WORD!r}?")
    began = time.perf_counter()
    rows = await store.sql(QUERY, [WORD])
    taken = round((time.perf_counter() - began) * 1000, 1)
    for row in rows:
        story.say(f"   {row['id']:<24} {row['messages']:>2} x  {row['title']}")
    story.note("found", rows, f"found in {taken} ms")


async def _move(story: Story) -> bool:
    story.step(6, "Export, import into another kind of store, export again")
    now = system_clock()
    first, second = (story.folder / f"{name}.jsonl.zst" for name in ("export", "export-of-copy"))
    async with open_store(story.url) as store, open_store(story.copy_url) as copy:
        records = await _export(store, first, now)
        report = await import_files(copy.backend, [first], now=now)
        await _export(copy, second, now)
    same = report.ok and first.read_bytes() == second.read_bytes()
    size, place = first.stat().st_size, story.folder / "copy"
    story.note("export_bytes", size, f"{records} records, {round(size / 1024)} KiB packed, into {place}")
    story.note("exports_equal", same, "both exports are the same, byte for byte" if same else "THE EXPORTS DIFFER")
    return same


async def _search(story: Story) -> None:
    story.step(7, f"Search: {QUESTION}")
    async with open_store(story.url) as store:
        began = time.perf_counter()
        hits = await store.search(QUESTION, limit=3)
        taken = [round((time.perf_counter() - began) * 1000, 1)]
        began = time.perf_counter()
        await store.search(QUESTION, limit=3)
        taken.append(round((time.perf_counter() - began) * 1000, 1))
    for hit in hits:
        story.say(f"   {hit.key[0]:<24} {hit.snippet}")
    names = [[hit.family, *hit.key] for hit in hits]
    story.note("hits", names, f"found in {taken[0]} ms, which built the index; {taken[1]} ms the second time")


async def _export(store: Any, path: Path, now: int) -> int:
    with open_output(path) as out:
        return (await export(store.backend, out, now=now)).records


def _close(story: Story) -> None:
    python, url = _python(), shlex.quote(story.url)
    query = shlex.quote("select conversation_id, count(*) from raw_messages group by 1 order by 2 desc limit 5")
    commands = [
        f"{python} -m lodestore stats {url}",
        f"{python} -m lodestore sql {url} {query}",
        f"{python} -m lodestore show {url} raw_message vat-question",
        f"{python} -m lodestore search {url} {shlex.quote('how many kettles are left?')}",
    ]
    story.figures["next"] = commands
    done = f"Done in {story.figures['seconds']} s" if story.figures["ok"] else "A PROMISE WAS BROKEN"
    story.say(f"\n{done}. Everything is in {story.folder}; to look at it:\n")
    for command in commands:
        story.say(f"  {command}")


def _python() -> str:
    """This interpreter as one would type it here."""
    here = Path(sys.executable)
    found = shutil.which("python")
    if found and Path(found) == here:
        return "python"
    near = here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here
    return shlex.quote(str(near))
