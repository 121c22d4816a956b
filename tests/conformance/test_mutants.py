"""The kit against our own backends: each of these mistakes, made on purpose, is noticed by the law that names it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import ANY

import numpy
import orjson
import pytest
from hypothesis import Phase, settings

from lodestore.backends.files import FileBackend, file_formats, filenames, scan, session, write_batch
from lodestore.backends.files.journal import Changes
from lodestore.backends.files.layout import PARTIAL_FILE, FileKind, Layout, layout_of
from lodestore.backends.files.lock import StoreLock
from lodestore.backends.files.read_view import ReadView, RecordFile
from lodestore.backends.files.record_files import Group, RecordFiles
from lodestore.backends.files.session import Session
from lodestore.backends.files.write_batch import FileWriteBatch
from lodestore.backends.sqlite import SQLiteBackend, group_commit
from lodestore.backends.sqlite.engine import driver
from lodestore.backends.sqlite.engine.store_file import StoreFile
from lodestore.backends.sqlite.records import log_reader, reads, search_queue, writes
from lodestore.backends.sqlite.search import index, result_reader, rowid_ranges, vector_records
from lodestore.backends.sqlite.vectors import knn
from lodestore.conformance import InterfacePromises, KernelLaws
from lodestore.core.families import SEARCHABLE, Family
from lodestore.core.records import KEY, PLACE, VERSION, Key, Page, Put, Row, Write, within
from lodestore.core.searchable import IndexQuery, Term
from lodestore.search import tokenizers
from lodestore.sql import sqlite_fts, sqlite_logs, sqlite_numbers, statements
from lodestore.transfer.comparison import BodyComparison, Verdict

pytestmark = pytest.mark.slow

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]

HISTORY = "test_equals_the_memory_model_in_every_history"
HISTORY_OF = "cache"
FOUND = "test_a_search_finds_what_is_there_and_nothing_else"
NEAR = "test_what_is_near_is_what_is_there"
GENERATED = "test_a_family_of_any_kind_is_searched_by_its_entry"


class Trial(KernelLaws, InterfacePromises):
    """One law at a time, always on the same few examples, without looking for the smallest."""

    examples = 20

    def profile(self) -> settings:
        return settings(
            super().profile(), phases=[Phase.generate], database=None, derandomize=True, report_multiple_bugs=False
        )

    def run(self, law: str) -> None:
        getattr(self, law)(*([HISTORY_OF] if law == HISTORY else []))


class SQLiteTrial(Trial):
    def backend(self, folder: Path) -> SQLiteBackend:
        return SQLiteBackend(folder / "agent.db", durability="process")


class FilesTrial(Trial):
    examples = 5

    def backend(self, folder: Path) -> FileBackend:
        return FileBackend(folder, backups=False)


# Mistakes in SQL: a rendered statement says something else.


def reword(patch: Patch, statement: str, old: str, new: str, module: ModuleType = statements) -> None:
    """Put `new` for `old` wherever the statement has it."""
    list(statements.statements())  # rendered and kept now, for no statement may be built from a mutant and stay
    real = getattr(module, statement)
    patch.setattr(module, statement, lambda *shape: real(*shape).replace(old, new))


def extend_update(patch: Patch, assignment: str) -> None:
    """Let an overwriting Put of a memory change one more column."""
    real = statements.put
    patch.setattr(statements, "put", lambda f: real(f) + (f", {assignment}" if f.name == "memory" else ""))


def sweep_ignores_the_time(patch: Patch) -> None:
    for statement in ("sweepable", "sweep"):
        reword(patch, statement, "expires_at <= ?1", "expires_at IS NOT NULL AND ?1")


def sweep_ignores_the_limit(patch: Patch) -> None:
    reword(patch, "sweep", "LIMIT ?2", "LIMIT max(?2, 1000)")


def positions_start_at_one(patch: Patch) -> None:
    reword(patch, "end", "+ 1, o.id << 32)", "+ 1, (o.id << 32) + 1)", sqlite_logs)


def a_place_is_the_number_of_records(patch: Patch) -> None:
    reword(patch, "put", "coalesce(max(position) + 1, 0)", "count(*)")


def overwriting_is_a_new_birth(patch: Patch) -> None:
    extend_update(patch, "created_at = excluded.created_at")


def overwriting_moves_to_the_end(patch: Patch) -> None:
    extend_update(patch, "position = excluded.position")


def overwriting_keeps_the_version(patch: Patch) -> None:
    reword(patch, "put", "version = excluded.version, ", "")


def what_replaces_an_expired_record_is_as_old(patch: Patch) -> None:
    reword(patch, "put", "THEN excluded.created_at", "THEN cache.created_at")


def pages_show_what_has_expired(patch: Patch) -> None:
    reword(patch, "scan", "expires_at > ?", "expires_at > 0 * ?")


def counts_take_in_what_has_expired(patch: Patch) -> None:
    reword(patch, "count", "expires_at > ?1", "expires_at > 0 * ?1")


def before_is_inclusive(patch: Patch) -> None:
    def further(page: Page) -> Page:
        return real(page if page.before is None else page._replace(before=(*page.before[:-1], page.before[-1] + 1)))

    real = log_reader._narrowed
    patch.setattr(log_reader, "_narrowed", further)


def newest_is_ignored(patch: Patch) -> None:
    reword(patch, "scan", " DESC", "")


def order_ignores_case(patch: Patch) -> None:
    reword(patch, "scan", "ORDER BY state_key", "ORDER BY state_key COLLATE NOCASE")


def dropping_a_memory_drops_its_siblings(patch: Patch) -> None:
    reword(patch, "drop", "memory_id = ?2", "?2 IS NOT NULL")


def owners_without_a_body_are_listed(patch: Patch) -> None:
    real = statements.shape
    patch.setattr(statements, "shape", lambda page: real(page._replace(partial=True)))


# Mistakes around the SQL.


def foreign_keys_are_off(patch: Patch) -> None:
    real = driver.tune

    def tune(connection: driver.Connection, *, writer: bool, cache: int) -> driver.Connection:
        real(connection, writer=writer, cache=cache).execute("PRAGMA foreign_keys = OFF").fetchall()
        return connection

    patch.setattr(driver, "tune", tune)


def readers_stay_in_their_first_snapshot(patch: Patch) -> None:
    real = StoreFile.reader

    def reader(site: StoreFile) -> driver.Connection:
        connection = real(site)
        connection.execute("BEGIN")
        return connection

    patch.setattr(StoreFile, "reader", reader)
    patch.setattr(reads, "as_of", lambda run, read: (0, read(run)))  # it would begin a transaction of its own


def expect_is_not_checked(patch: Patch) -> None:
    patch.setattr(writes, "_expect", lambda run, put: None)


def versions_count_each_record_from_one(patch: Patch) -> None:
    def put(run: driver.Cursor, put: Put, version: int) -> int:
        row = run.execute(statements.fetch(put.family), put.key).fetchone()
        return real(run, put, row[VERSION] + 1 if row else 1)

    real = writes._put
    patch.setitem(writes._DOERS, Put, put)


def the_latest_time_is_not_kept(patch: Patch) -> None:
    real = group_commit.advance
    patch.setattr(group_commit, "advance", lambda writes, version, latest: (real(writes, version, latest)[0], latest))


def each_write_is_a_transaction(patch: Patch) -> None:
    real = SQLiteBackend.apply

    async def apply(backend: SQLiteBackend, writes: Sequence[Write]) -> list[int]:
        return [(await real(backend, [write]))[0] for write in writes]

    patch.setattr(SQLiteBackend, "apply", apply)


def one_failure_fails_the_group(patch: Patch) -> None:
    def commit(self: group_commit.SQLiteGroupCommit, batch: list[group_commit.CommitRequest], made: list[Any]) -> Any:
        try:
            return self._transact(batch, made, guarded=False)
        except group_commit._RolledBackError as error:
            return [(request.done, None, error.reason) for request in batch]

    patch.setattr(group_commit.SQLiteGroupCommit, "_commit", commit)


def a_copied_version_is_not_counted(patch: Patch) -> None:
    real = group_commit.advance
    patch.setattr(group_commit, "advance", lambda writes, version, latest: (version, real(writes, version, latest)[1]))


# Mistakes of searching: the queue, the ranges, the order.


def a_put_tells_the_index_nothing(patch: Patch) -> None:
    patch.setattr(search_queue, "enqueue_put", lambda run, family, key: None)


def a_choice_of_tokenizer_tells_the_index_nothing(patch: Patch) -> None:
    patch.setattr(search_queue.tokenizers, "is_choice", lambda family, prefix: False)


def what_is_excluded_is_sought_in_pieces(patch: Patch) -> None:
    """Where trigrams are excluded, any of those of a word excludes."""
    patch.setattr(tokenizers, "_in_a_row", lambda term: term._replace(words=("bcb0",)))


def trigrams_are_sought_in_any_order(patch: Patch) -> None:
    real = tokenizers._in_a_row
    patch.setattr(tokenizers, "_in_a_row", lambda term: Term(tuple(sorted(real(term).words)), term.prefix))


def a_search_takes_nothing_in(patch: Patch) -> None:
    async def catch_up(self: index.SQLiteIndex, tell: object = None) -> int:
        return 0

    patch.setattr(index.SQLiteIndex, "catch_up", catch_up)


def a_namespace_is_everything(patch: Patch) -> None:
    real = result_reader._spans
    patch.setattr(result_reader, "_spans", lambda run, wanted: real(run, wanted._replace(prefix=())))


def what_is_excluded_is_found(patch: Patch) -> None:
    real = rowid_ranges.expression
    patch.setattr(rowid_ranges, "expression", lambda query: real(query._replace(unwanted=())))


def the_worst_come_first(patch: Patch) -> None:
    reword(patch, "search", "score DESC", "score", sqlite_fts)


def a_page_begins_anew(patch: Patch) -> None:
    reword(patch, "search", "OFFSET ?3", "OFFSET ?3 * 0", sqlite_fts)


def the_number_of_changes_stands_still(patch: Patch) -> None:
    async def sequence(self: FileBackend) -> int:
        return 1

    patch.setattr(FileBackend, "sequence", sequence)


def what_was_changed_is_not_taken_in(patch: Patch) -> None:
    """A memory that was written anew is found by its old words."""
    patch.setattr(BodyComparison, "compare", lambda self, family, row, there: Verdict.SAME if there else Verdict.COPY)


# Mistakes with vectors.


def an_append_forgets_its_vectors(patch: Patch) -> None:
    patch.setattr(writes, "attached", lambda append, first: [])


def a_vector_outlives_what_it_was_made_of(patch: Patch) -> None:
    patch.setattr(vector_records, "content_digest", lambda body: ANY)


def the_nearest_is_whatever_comes_first(patch: Patch) -> None:
    patch.setattr(knn, "scores", lambda space, query, vectors: numpy.ones(len(vectors)))


def new_families_are_searched_with_all_others(patch: Patch) -> None:
    def spans(wanted: IndexQuery, owner: Callable[[Family], int | None]) -> list[sqlite_numbers.Span]:
        everything = (sqlite_numbers.FIRST, sqlite_numbers.END)
        return real(wanted, owner) if known.issuperset(wanted.families) else [everything]

    known, real = set(SEARCHABLE), rowid_ranges.spans
    patch.setattr(rowid_ranges, "spans", spans)


def a_new_log_is_numbered_by_its_rows(patch: Patch) -> None:
    patch.setattr(sqlite_numbers, "number_of_row", lambda family, row: row)


SQLITE: dict[Mutant, str] = {
    new_families_are_searched_with_all_others: GENERATED,
    a_new_log_is_numbered_by_its_rows: GENERATED,
    an_append_forgets_its_vectors: NEAR,
    a_vector_outlives_what_it_was_made_of: NEAR,
    the_nearest_is_whatever_comes_first: "test_each_metric_orders_by_its_own_distance",
    a_put_tells_the_index_nothing: FOUND,
    a_choice_of_tokenizer_tells_the_index_nothing: "test_a_choice_holds_for_every_handle_from_its_moment_on",
    what_is_excluded_is_sought_in_pieces: "test_a_quoted_part_of_a_word_is_found_by_trigrams",
    trigrams_are_sought_in_any_order: "test_a_quoted_part_of_a_word_is_found_by_trigrams",
    a_search_takes_nothing_in: "test_what_one_handle_commits_another_finds_at_once",
    a_namespace_is_everything: "test_a_namespace_is_a_wall",
    what_is_excluded_is_found: FOUND,
    the_worst_come_first: "test_pages_have_no_gaps_and_repeat_nothing",
    a_page_begins_anew: "test_pages_have_no_gaps_and_repeat_nothing",
    one_failure_fails_the_group: "test_a_batch_that_fails_among_others_fails_alone",
    a_copied_version_is_not_counted: "test_a_copied_version_does_not_come_again",
    sweep_ignores_the_time: "test_a_record_that_expires_now_is_gone_for_everyone",
    sweep_ignores_the_limit: "test_sweep_removes_so_many_at_most",
    positions_start_at_one: "test_appended_messages_follow_without_a_gap",
    a_place_is_the_number_of_records: "test_a_memory_deleted_and_stored_again_comes_last",
    overwriting_is_a_new_birth: "test_overwriting_keeps_place_and_birth",
    overwriting_moves_to_the_end: "test_a_memory_stored_again_keeps_its_place",
    overwriting_keeps_the_version: "test_a_write_that_expects_meets_what_it_expects_or_a_conflict",
    what_replaces_an_expired_record_is_as_old: HISTORY,
    pages_show_what_has_expired: "test_an_entry_ends_on_the_millisecond",
    counts_take_in_what_has_expired: "test_what_has_expired_is_absent_for_every_method",
    before_is_inclusive: "test_a_window_of_messages",
    newest_is_ignored: "test_results_come_newest_first",
    order_ignores_case: "test_keys_order_by_code_point",
    dropping_a_memory_drops_its_siblings: "test_deleting_tells_whether_there_was_something",
    owners_without_a_body_are_listed: "test_children_may_come_before_the_conversation",
    foreign_keys_are_off: "test_a_conversation_goes_with_all_that_is_in_it",
    readers_stay_in_their_first_snapshot: "test_two_stores_on_one_place_see_each_other",
    expect_is_not_checked: "test_no_update_is_lost_between_handles",
    versions_count_each_record_from_one: "test_a_version_counts_for_one_write_only",
    the_latest_time_is_not_kept: "test_reopening_after_the_clock_stepped_back_revives_nothing",
    each_write_is_a_transaction: "test_a_conflict_undoes_the_block",
}


# Mistakes with files.


def a_conflict_leaves_the_files_before_it(patch: Patch) -> None:
    real = Session.apply
    patch.setattr(Session, "apply", lambda self, writes: [real(self, [write])[0] for write in writes])


def names_fold_case(patch: Patch) -> None:
    real = filenames.encode
    patch.setattr(filenames, "encode", lambda text: real(text.lower()))


def long_names_are_cut(patch: Patch) -> None:
    real = filenames.encode
    patch.setattr(filenames, "encode", lambda text: real(text).partition("~")[0])


def order_is_that_of_file_names(patch: Patch) -> None:
    def in_order(view: ReadView, page: Page) -> list[tuple[str, ...]]:
        groups = view.groups(page.family, page.prefix)
        return sorted(groups, key=lambda group: [*map(filenames.encode, group)], reverse=page.newest)

    patch.setattr(scan, "groups_in_order", in_order)


def a_bound_passes_over_the_rest_of_its_file(patch: Patch) -> None:
    def reaches(page: Page, group: Group) -> bool:
        rest = group[len(page.prefix) :]
        return not (rest and layout_of(page.family).streams) or within(page, rest)

    patch.setattr(scan, "_reaches", reaches)


def places_come_back_after_a_drop(patch: Patch) -> None:
    def next_place(self: FileWriteBatch, family: Family, outer: Key) -> int:
        return sum(1 for _ in self._siblings(family, outer))

    patch.setattr(FileWriteBatch, "next_place", next_place)


def a_place_is_lost_on_overwriting(patch: Patch) -> None:
    def put(self: FileWriteBatch, put: Put) -> int:
        version, row = real(self, put), self.find(put.family, put.key)
        assert row is not None
        self.store(put.family, (*row[:PLACE], self._new_place(put.family, put.key), *put.key))
        return version

    real = FileWriteBatch._put
    patch.setattr(FileWriteBatch, "_put", put)


def metadata_leaks_into_the_body(patch: Patch) -> None:
    def read(layout: Layout, group: Key, content: bytes, path: str) -> list[Row]:
        rows = real(layout, group, content, path)
        body = orjson.dumps(orjson.loads(content))
        return [(body, *row[VERSION:]) for row in rows] if layout.shape is FileKind.DOCUMENT else rows

    real = file_formats.read
    patch.setattr(file_formats, "read", read)


def what_has_expired_is_counted(patch: Patch) -> None:
    real = scan._count
    patch.setattr(scan, "_count", lambda view, family, now: real(view, family, 0))


def a_dropped_record_counts_though_it_had_expired(patch: Patch) -> None:
    def drop(self: FileWriteBatch, family: Family, prefix: Key, at: int) -> int:
        return real(self, family, prefix, 0)

    real = FileWriteBatch._drop
    patch.setattr(FileWriteBatch, "_drop", drop)


def all_that_has_expired_is_swept_at_once(patch: Patch) -> None:
    real = scan.expired
    patch.setattr(scan, "expired", lambda view, now, limit: real(view, now, 1000))


def writers_share_the_lock(patch: Patch) -> None:
    def commit(self: Session, changes: Changes, latest: int = 0) -> None:
        time.sleep(0.002)  # between reading and writing, so that rivals are sure to meet
        real(self, changes, latest)

    take, real = StoreLock.acquire, Session._commit
    patch.setattr(StoreLock, "acquire", lambda self, exclusive: take(self, False))
    patch.setattr(Session, "_commit", commit)


def files_are_read_once(patch: Patch) -> None:
    """A handle looks at the folder again only after a write of its own."""
    kept: dict[RecordFiles, ReadView] = {}

    def write(records: RecordFiles, version: int, highest: write_batch.HighestPlaces) -> FileWriteBatch:
        kept.pop(records, None)
        return FileWriteBatch(records, version, highest)

    patch.setattr(session, "ReadView", lambda records: kept.setdefault(records, ReadView(records)))
    patch.setattr(session, "FileWriteBatch", write)


def the_mark_of_a_dropped_owner_stays(patch: Patch) -> None:
    def present(file: RecordFile) -> list[str]:
        return [path for path in real(file) if not path.endswith(PARTIAL_FILE)]

    real = write_batch._present
    patch.setattr(write_batch, "_present", present)


def what_an_owner_owns_stays(patch: Patch) -> None:
    def drop(self: FileWriteBatch, family: Family, prefix: Key, at: int) -> int:
        return len(self.remove(family, prefix))

    patch.setattr(FileWriteBatch, "_drop", drop)


def a_directory_makes_a_conversation(patch: Patch) -> None:
    patch.setattr(scan, "_is_there", lambda view, layout, group, partial: bool(view.home(layout, group).files))


def no_write_moves_the_latest_time(patch: Patch) -> None:
    real = Session._commit
    patch.setattr(Session, "_commit", lambda self, changes, latest=0: real(self, changes))


def every_batch_has_the_same_version(patch: Patch) -> None:
    patch.setattr(session, "FileWriteBatch", lambda records, version, highest: FileWriteBatch(records, 1, highest))


def the_highest_place_is_known_for_ever(patch: Patch) -> None:
    patch.setattr(Session, "_state", lambda self: (1,))


def what_is_removed_was_never_the_highest(patch: Patch) -> None:
    patch.setattr(FileWriteBatch, "_forget_places", lambda self, family: None)


def no_place_is_taken(patch: Patch) -> None:
    patch.setattr(FileWriteBatch, "is_taken", lambda self, family, key, place: False)


def a_stream_stops_after_its_first_files(patch: Patch) -> None:
    real = scan.portion
    patch.setattr(scan, "portion", lambda view, page, groups, size: (*real(view, page, groups, size)[:1], len(groups)))


def a_listing_is_in_the_order_of_keys(patch: Patch) -> None:
    def ordered(file: RecordFile, newest: bool = False) -> list[Row]:
        return sorted(file.rows.values(), key=lambda row: row[KEY:], reverse=newest)

    patch.setattr(RecordFile, "ordered", ordered)


FILES: dict[Mutant, str] = {
    the_number_of_changes_stands_still: FOUND,
    what_was_changed_is_not_taken_in: FOUND,
    a_conflict_leaves_the_files_before_it: "test_a_conflict_undoes_the_block",
    names_fold_case: "test_hostile_ids_are_keys_like_others",
    long_names_are_cut: "test_hostile_ids_are_keys_like_others",
    order_is_that_of_file_names: "test_keys_order_by_code_point",
    a_bound_passes_over_the_rest_of_its_file: "test_pages_of_every_shape",
    places_come_back_after_a_drop: "test_a_memory_deleted_and_stored_again_comes_last",
    a_place_is_lost_on_overwriting: "test_overwriting_keeps_place_and_birth",
    metadata_leaks_into_the_body: "test_documents_from_life_come_back_as_they_were",
    what_has_expired_is_counted: "test_a_record_that_expires_now_is_gone_for_everyone",
    a_dropped_record_counts_though_it_had_expired: "test_what_has_expired_is_absent_for_every_method",
    all_that_has_expired_is_swept_at_once: "test_sweep_removes_so_many_at_most",
    writers_share_the_lock: "test_handles_append_at_once_without_gaps",
    files_are_read_once: "test_two_stores_on_one_place_see_each_other",
    the_mark_of_a_dropped_owner_stays: "test_owners_come_and_go_with_what_they_own",
    what_an_owner_owns_stays: "test_a_conversation_goes_with_all_that_is_in_it",
    a_directory_makes_a_conversation: "test_children_may_come_before_the_conversation",
    no_write_moves_the_latest_time: "test_reopening_after_the_clock_stepped_back_revives_nothing",
    every_batch_has_the_same_version: "test_a_version_counts_for_one_write_only",
    the_highest_place_is_known_for_ever: "test_handles_take_turns_at_places",
    what_is_removed_was_never_the_highest: "test_handles_take_turns_at_places",
    no_place_is_taken: "test_a_copy_onto_a_taken_place_comes_last",
    a_stream_stops_after_its_first_files: "test_a_stream_is_the_page_in_portions",
    a_listing_is_in_the_order_of_keys: "test_a_memory_stored_again_keeps_its_place",
}


def cases(trial: type[Trial], noticed: dict[Mutant, str]) -> list[Any]:
    return [pytest.param(trial, mutant, law, id=mutant.__name__) for mutant, law in noticed.items()]


@pytest.mark.parametrize(("trial", "mutant", "law"), cases(SQLiteTrial, SQLITE) + cases(FilesTrial, FILES))
def test_the_kit_notices(trial: type[Trial], mutant: Mutant, law: str, monkeypatch: Patch) -> None:
    mutant(monkeypatch)
    # Nothing else will do: a mutant that only crashes proves no law.
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        trial().run(law)


@pytest.mark.parametrize("law", dict.fromkeys(SQLITE.values()))
def test_sqlite_as_it_is_obeys(law: str) -> None:
    SQLiteTrial().run(law)


@pytest.mark.parametrize("law", dict.fromkeys(FILES.values()))
def test_files_as_they_are_obey(law: str) -> None:
    FilesTrial().run(law)
