"""The kit from a third party's side: a backend of its own passes in five lines, and each way to get it wrong fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from lodestore.conformance import InterfacePromises, KernelLaws
from lodestore.core.backend import Backend, Vitals
from lodestore.core.families import CATALOGUE, FAMILIES, OWNED, Family, owner_of
from lodestore.core.records import (
    BODY,
    EXPIRES_AT,
    KEY,
    PLACE,
    VERSION,
    WRITTEN_AT,
    Append,
    Copy,
    Drop,
    Key,
    Page,
    Put,
    Row,
    Write,
    alive,
    attached,
    conflict,
    order_of,
)
from lodestore.errors import UnavailableError


class JsonBackend(Backend):
    """One JSON file, read for every question and written for every answer: slow, plain and right."""

    name = "json"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "store.json"
        self._open = False

    async def open(self) -> int:
        self._open = True
        return self._load()[0]["latest"]

    async def close(self) -> None:
        self._open = False

    def _load(self) -> tuple[dict[str, int], dict[Family, list[Row]]]:
        if not self._open:
            raise UnavailableError("open me first")
        if not self._file.exists():
            return {"latest": 0, "version": 0}, {family: [] for family in FAMILIES}
        head, tables = json.loads(self._file.read_text())
        return head, {CATALOGUE[name]: [(row[0].encode(), *row[1:]) for row in rows] for name, rows in tables.items()}

    def _save(self, head: dict[str, int], tables: dict[Family, list[Row]]) -> None:
        plain = {family.name: [[row[0].decode(), *row[1:]] for row in rows] for family, rows in tables.items()}
        self._file.write_text(json.dumps([head, plain]))

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        head, tables = self._load()
        head["version"] += 1
        results = [self._write(write, head, tables) for write in writes]
        self._save(head, tables)
        return results

    def _write(self, write: Write, head: dict[str, int], tables: dict[Family, list[Row]]) -> int:
        rows = tables[write.family]
        match write:
            case Put(family, key, body, at, ends):
                old = self._take(rows, key)
                live = old if old and alive(old, at) else None
                found = live[VERSION] if live and live[BODY] else 0
                if write.expect not in (None, found):
                    raise conflict(write, found)
                place = live[PLACE] if live else self._next(family, rows, key[:-1])
                row = (body, head["version"], live[2] if live else at, at, ends, place, *key)
                return self._insert(row, family, head, tables)
            case Append(family, prefix, bodies, at):
                first = self._next(family, rows, prefix) or 0
                self._own(family, prefix, at, head, tables)
                for place, body in enumerate(bodies, first):
                    self._insert((body, head["version"], at, at, None, place, *prefix, place), family, head, tables)
                for put in attached(write, first):
                    self._write(put, head, tables)
                head["latest"] = max(head["latest"], at)
                return first
            case Copy(family, row):
                key = row[KEY:]
                taken = {r[PLACE] for r in rows if r[KEY:-1] == key[:-1] and r[KEY:] != key} - {None}
                place = self._next(family, rows, key[:-1]) if row[PLACE] in taken else row[PLACE]
                self._take(rows, key)
                version = row[VERSION] or head["version"]
                head["version"] = max(head["version"], version)
                return self._insert((row[BODY], version, *row[2:PLACE], place, *key), family, head, tables)
            case Drop(family, prefix, at):
                head["latest"] = max(head["latest"], at)
                gone = [row for row in rows if row[KEY : KEY + len(prefix)] == prefix]
                tables[family] = [row for row in rows if row not in gone]
                for child in OWNED[family]:
                    self._write(Drop(child, prefix, at), head, tables)
                return sum(alive(row, at) for row in gone)

    def _take(self, rows: list[Row], key: Key) -> Row | None:
        old = next((row for row in rows if row[KEY:] == key), None)
        if old:
            rows.remove(old)
        return old

    def _insert(self, row: Row, family: Family, head: dict[str, int], tables: dict[Family, list[Row]]) -> int:
        tables[family].append(row)
        self._own(family, row[KEY:], row[WRITTEN_AT], head, tables)
        head["latest"] = max(head["latest"], row[WRITTEN_AT])
        return int(row[VERSION])

    def _own(self, family: Family, key: Key, at: int, head: dict[str, int], tables: dict[Family, list[Row]]) -> None:
        owner = owner_of(family)
        if owner and not any(row[KEY:] == key[:1] for row in tables[owner]):
            tables[owner].append((b"", head["version"], at, at, None, None, key[0]))

    def _next(self, family: Family, rows: list[Row], outer: Key) -> int | None:
        places = [row[PLACE] for row in rows if row[KEY:-1] == outer]
        return max(places, default=-1) + 1 if family.placed else None

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        rows = {row[KEY:]: row for row in self._load()[1][family]}
        return [rows.get(key) for key in keys]

    async def scan(self, page: Page) -> list[Row]:
        rows = [row for row in self._load()[1][page.family] if self._wanted(page, row)]
        rows.sort(key=lambda row: order_of(page.family, row), reverse=page.newest)
        return rows[: page.limit]

    def _wanted(self, page: Page, row: Row) -> bool:
        order, depth = order_of(page.family, row), len(page.prefix)
        return (
            row[KEY : KEY + depth] == page.prefix
            and (page.partial or row[BODY] != b"")
            and alive(row, page.alive_at)
            and (page.after is None or order[depth:] > page.after)
            and (page.before is None or order[depth:] < page.before)
        )

    async def sweep(self, now: int, limit: int) -> int:
        head, tables = self._load()
        old = [(rows, row) for rows in tables.values() for row in rows if not alive(row, now)][:limit]
        for rows, row in old:
            rows.remove(row)
        self._save(head, tables)
        return len(old)

    async def vitals(self, now: int) -> Vitals:
        tables = self._load()[1]
        live = {family.name: [row for row in rows if alive(row, now)] for family, rows in tables.items()}
        whole = {name: sum(row[BODY] != b"" for row in rows) for name, rows in live.items()}
        partial = {name: len(rows) - whole[name] for name, rows in live.items()}
        return Vitals(whole, partial, self._file.stat().st_size if self._file.exists() else 0)


@pytest.mark.slow
class TestJson(KernelLaws, InterfacePromises):
    examples = 8
    steps = 20

    def backend(self, folder: Path) -> Backend:
        return JsonBackend(folder)


# Backends that get one thing wrong.


class CaseBlind(JsonBackend):
    async def scan(self, page: Page) -> list[Row]:
        rows = [row for row in self._load()[1][page.family] if self._wanted(page, row)]
        rows.sort(key=lambda row: [str(part).lower() for part in order_of(page.family, row)], reverse=page.newest)
        return rows[: page.limit]


class CountsTheDead(JsonBackend):
    async def vitals(self, now: int) -> Vitals:
        return await super().vitals(0)


class IgnoresConflicts(JsonBackend):
    async def apply(self, writes: Sequence[Write]) -> list[int]:
        return await super().apply([w._replace(expect=None) if isinstance(w, Put) else w for w in writes])


class HalfABatch(JsonBackend):
    """Keeps what came before the write that failed."""

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        return [(await super(HalfABatch, self).apply([write]))[0] for write in writes]


class Torn(JsonBackend):
    """Lets go of the loop between the writes of a batch."""

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        results = []
        for write in writes:
            results += await super().apply([write])
            await asyncio.sleep(0)
        return results


class Racing(JsonBackend):
    """Reads, lets others write, and writes over what they wrote."""

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        head, tables = self._load()
        head["version"] += 1
        results = [self._write(write, head, tables) for write in writes]
        await asyncio.sleep(0)
        self._save(head, tables)
        return results


class LosesThePlace(JsonBackend):
    def _take(self, rows: list[Row], key: Key) -> Row | None:
        old = super()._take(rows, key)
        return old and (*old[:PLACE], None if old[PLACE] is None else 99, *key)


class BeforeInclusive(JsonBackend):
    def _wanted(self, page: Page, row: Row) -> bool:
        at_bound = page.before is not None and order_of(page.family, row)[len(page.prefix) :] == page.before
        return super()._wanted(page._replace(before=None) if at_bound else page, row)


class NeverDies(JsonBackend):
    def _wanted(self, page: Page, row: Row) -> bool:
        return super()._wanted(page._replace(alive_at=None), row)


class DiesLate(JsonBackend):
    def _wanted(self, page: Page, row: Row) -> bool:
        return super()._wanted(page._replace(alive_at=page.alive_at and page.alive_at - 1), row)


class NoCascade(JsonBackend):
    def _write(self, write: Write, head: dict[str, int], tables: dict[Family, list[Row]]) -> int:
        kept = {child: tables[child] for child in OWNED[write.family]} if isinstance(write, Drop) else {}
        result = super()._write(write, head, tables)
        tables.update(kept)
        return result


class Greedy(JsonBackend):
    async def sweep(self, now: int, limit: int) -> int:
        return await super().sweep(now, 10**6)


class RemembersTooMuch(JsonBackend):
    _seen: dict[Family, list[Row]] | None = None

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        self._seen = self._seen or self._load()[1]
        rows = {row[KEY:]: row for row in self._seen[family]}
        return [rows.get(key) for key in keys]

    async def apply(self, writes: Sequence[Write]) -> list[int]:
        self._seen = None
        return await super().apply(writes)


class ForgetsTheTime(JsonBackend):
    async def open(self) -> int:
        await super().open()
        return max((row[WRITTEN_AT] for rows in self._load()[1].values() for row in rows), default=0)


class VersionPerRecord(JsonBackend):
    def _write(self, write: Write, head: dict[str, int], tables: dict[Family, list[Row]]) -> int:
        version = head["version"]
        if isinstance(write, Put):
            head["version"] = 1 + max(
                (row[VERSION] for row in tables[write.family] if row[KEY:] == write.key), default=0
            )
        result = super()._write(write, head, tables)
        head["version"] = version
        return result


class ShortPrefix(JsonBackend):
    def _wanted(self, page: Page, row: Row) -> bool:
        if len(page.prefix) == 1 and len(page.family.key) == 2 and str(row[KEY]).lower() == str(page.prefix[0]).lower():
            page = page._replace(prefix=(row[KEY],))
        return super()._wanted(page, row)


class OldestFirst(JsonBackend):
    async def scan(self, page: Page) -> list[Row]:
        rows = await super().scan(page._replace(newest=False))
        return rows[::-1] if page.newest else rows


class ReusesPositions(JsonBackend):
    def _next(self, family: Family, rows: list[Row], outer: Key) -> int | None:
        return sum(row[KEY:-1] == outer for row in rows) if family.placed else None


class KeepsTheDead(JsonBackend):
    def _take(self, rows: list[Row], key: Key) -> Row | None:
        old = super()._take(rows, key)
        return old and (*old[:EXPIRES_AT], None, *old[PLACE:])


class Lists(JsonBackend):
    async def scan(self, page: Page) -> list[Row]:
        return [list(row) for row in await super().scan(page)]  # type: ignore[misc]


class NeverClosed(JsonBackend):
    async def close(self) -> None:
        pass


class FoldsIds(JsonBackend):
    async def apply(self, writes: Sequence[Write]) -> list[int]:
        folded = [w._replace(key=(*w.key[:-1], str(w.key[-1]).lower())) if isinstance(w, Put) else w for w in writes]
        return await super().apply(folded)

    async def fetch(self, family: Family, keys: Sequence[Key]) -> list[Row | None]:
        return await super().fetch(family, [(*key[:-1], str(key[-1]).lower()) for key in keys])


HISTORY, PAGES = "test_equals_the_memory_model_in_every_history", "test_pages_of_every_shape"
NOTICED: dict[type[JsonBackend], list[str]] = {
    CaseBlind: ["test_keys_order_by_code_point", PAGES, "test_ids_list_in_code_point_order_by_pages"],
    CountsTheDead: [
        HISTORY,
        "test_a_record_that_expires_now_is_gone_for_everyone",
        "test_what_has_expired_is_absent_for_every_method",
    ],
    IgnoresConflicts: [HISTORY, "test_no_update_is_lost_between_handles", "test_a_conflict_undoes_the_block"],
    HalfABatch: [HISTORY, "test_a_conflict_undoes_the_block"],
    Torn: [
        "test_cancelling_apply_leaves_all_or_nothing",
        "test_batches_at_once_are_each_whole",
        "test_cancelled_tasks_leave_no_half_transaction",
    ],
    Racing: ["test_handles_append_at_once_without_gaps", "test_tasks_at_once_lose_nothing"],
    LosesThePlace: ["test_overwriting_keeps_place_and_birth", "test_a_memory_stored_again_keeps_its_place"],
    BeforeInclusive: [PAGES, "test_a_window_of_messages"],
    NeverDies: [PAGES, "test_an_entry_ends_on_the_millisecond"],
    DiesLate: [PAGES, "test_an_entry_ends_on_the_millisecond"],
    NoCascade: [
        HISTORY,
        "test_owners_come_and_go_with_what_they_own",
        "test_a_conversation_goes_with_all_that_is_in_it",
    ],
    Greedy: ["test_sweep_removes_so_many_at_most"],
    RemembersTooMuch: [HISTORY, "test_two_stores_on_one_place_see_each_other"],
    ForgetsTheTime: [
        "test_open_tells_the_latest_time_even_of_what_is_gone",
        "test_reopening_after_the_clock_stepped_back_revives_nothing",
    ],
    VersionPerRecord: ["test_a_version_counts_for_one_write_only"],
    ShortPrefix: [PAGES, "test_a_conversation_goes_with_all_that_is_in_it"],
    OldestFirst: [PAGES, "test_chains_come_oldest_first_the_most_recent_of_them"],
    ReusesPositions: [HISTORY, "test_a_memory_deleted_and_stored_again_comes_last"],
    KeepsTheDead: [HISTORY, "test_what_has_expired_is_absent_for_every_method"],
    Lists: [PAGES, HISTORY],
    NeverClosed: ["test_a_closed_store_is_unavailable", "test_a_closed_store_is_unavailable_and_says_so"],
    FoldsIds: ["test_hostile_ids_are_ids_like_others"],
}
ABOUT = {
    NoCascade: "conversation",
    RemembersTooMuch: "alone",
    HalfABatch: "alone",
    IgnoresConflicts: "alone",
    ReusesPositions: "conversation",
}


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "law"), [(mutant, law) for mutant, laws in NOTICED.items() for law in laws])
def test_the_kit_notices(mutant: type[JsonBackend], law: str) -> None:
    class Trial(TestJson):
        examples = 200  # a conversation is of six families, and some mistakes show only in one of them

        def backend(self, folder: Path) -> Backend:
            return mutant(folder)

        def profile(self) -> settings:
            return settings(super().profile(), phases=[Phase.generate], database=None, derandomize=True)

    about = [ABOUT.get(mutant, "cache")] if law == HISTORY else []
    with pytest.raises((AssertionError, ExceptionGroup, pytest.fail.Exception)):
        getattr(Trial(), law)(*about)
