"""Import writes: what is there is left alone, what is missing is written, what differs is a conflict."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from ...core.backend import Backend
from ...core.families import AGENT, CONVERSATION, Family, owner_of
from ...core.records import BODY, EXPIRES_AT, KEY, Append, Copy, Drop, Key, Page, Put, Write, alive, name_of
from .records import BrokenRecord, Bundle

MAX_LISTED = 1_000  # problems named in a report; a file of nothing but garbage must not fill the memory

StoredBodies = dict[tuple[Family, Key], bytes]
_LOGS = {CONVERSATION: "messages", AGENT: "chains"}


@dataclass(slots=True)
class ImportReport:
    """What an import did. `added`, `updated`, `unchanged` and `expired` count bundles, `records` what was written.

    `conflicts` and `broken` name the first thousand each, `omitted` counts the others. `families` counts the records
    written by family, `bytes` what was read of the files as they are.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    expired: int = 0
    records: int = 0
    bytes: int = 0
    omitted: int = 0
    conflicts: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    families: Counter[str] = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        """Whether everything that was read is now in the store."""
        return not self.broken and not self.conflicts

    def note(self, problems: list[str], problem: str) -> None:
        """Add to `conflicts` or `broken`."""
        if len(problems) < MAX_LISTED:
            problems.append(problem)
        else:
            self.omitted += 1


class BundleWriter:
    """Compares bundles with a store and writes what is new, one `apply` for each batch."""

    def __init__(self, backend: Backend, report: ImportReport, now: int, overwrite: bool) -> None:
        self._backend, self._report = backend, report
        self._now, self._overwrite = now, overwrite
        self._blocked: set[tuple[Family, Key]] = set()  # owners in conflict: the rest of what they own stays out
        self._restarted: set[tuple[Family, Key]] = set()  # logs of which an overwrite has dropped the end

    async def absorb(self, bundles: Sequence[Bundle]) -> None:
        """Store a batch in which no key occurs twice; all of its writes or none."""
        there = await self._look_up(bundles)
        writes: list[Write] = []
        for bundle in bundles:
            writes += await self._decide(bundle, there)
        if writes:
            await self._backend.apply(writes)

    def refuse(self, broken: BrokenRecord) -> None:
        self._report.note(self._report.broken, f"{broken.where}: {broken.reason}")

    async def _look_up(self, bundles: Sequence[Bundle]) -> StoredBodies:
        """The bodies that are there under the keys of the bundles; of a log one more than the bundle has."""
        owners = {id(bundle): _owner(bundle) for bundle in bundles if bundle.log}
        wanted = [(single.family, key_of(single)) for bundle in bundles for single in bundle.singles]
        there = await self._fetch({*wanted, *owners.values()})
        begun = [bundle for bundle in bundles if owners.get(id(bundle)) in there]  # no owner, no log
        there |= await self._fetch(key for bundle in begun for key in _log_keys(bundle))
        for bundle in begun:
            await self._look_further(bundle.log[0], there)
        return there

    async def _look_further(self, log: Append, there: StoredBodies) -> None:
        """A log whose beginning was removed is not an empty one: mark it as another than any bundle's."""
        first = (log.family, (*log.prefix, 0))
        if first not in there and await self._backend.keys(Page(log.family, log.prefix, limit=1)):
            there[first] = b""

    async def _fetch(self, wanted: Iterable[tuple[Family, Key]]) -> StoredBodies:
        by_family: dict[Family, list[Key]] = defaultdict(list)
        for family, key in wanted:
            by_family[family].append(key)
        there: StoredBodies = {}
        for family, keys in by_family.items():
            rows = await self._backend.fetch(family, keys)
            there.update({(family, row[KEY:]): row[BODY] for row in rows if row and alive(row, self._now)})
        return there

    async def _decide(self, bundle: Bundle, there: StoredBodies) -> list[Write]:
        singles = [single for single in bundle.singles if self._lives(single)]
        if not singles and not bundle.log:
            self._report.expired += bool(bundle.singles)
            return []
        if _owner(bundle) in self._blocked:
            return []
        missing = [single for single in singles if self._state(single, there) is None]
        changed = [single for single in singles if self._state(single, there) is False]
        stored = _stored_log(bundle, there)
        if changed or stored is None:
            return await self._settle(bundle, [*missing, *changed], stored)
        tail = _tail(bundle.log, len(stored))
        known = len(missing) < len(singles) or bool(stored)
        self._count(bundle, bool(missing or tail), known)
        return self._written([*missing, *tail])

    def _lives(self, single: Put | Copy) -> bool:
        return self._now < (expires_of(single) or self._now + 1)

    def _state(self, single: Put | Copy, there: StoredBodies) -> bool | None:
        """Whether the store holds the same; None where it holds nothing (an owner without body counts as nothing)."""
        key, body = key_of(single), body_of(single)
        if single.family.log and (single.family, key[:-1]) in self._restarted:
            return None
        old = there.get((single.family, key))
        if not body:
            return None if old is None else True
        return old == body if old else None

    async def _settle(self, bundle: Bundle, singles: list[Put | Copy], stored: list[bytes] | None) -> list[Write]:
        """A conflict: reported and left as it is, or the store's side replaced."""
        if not self._overwrite:
            self._blocked.add(_owner(bundle))
            what = "something else" if stored is not None else f"other {_LOGS[bundle.family]}"
            name = name_of(bundle.family, bundle.key)
            self._report.note(self._report.conflicts, f"{bundle.where}: {name}: the store holds {what}")
            return []
        self._count(bundle, True, True)
        if bundle.log:
            log = bundle.log[0]
            kept = len(stored) if stored is not None else 0
            drop: list[Write] = [] if stored is not None else [Drop(log.family, log.prefix, self._now)]
            return [*drop, *self._written([*singles, *_tail(bundle.log, kept)])]
        return [*await self._cut(singles), *self._written(singles)]

    async def _cut(self, singles: list[Put | Copy]) -> list[Write]:
        """Drop the end of a log from the row that differs, so that no two logs are mixed."""
        drops: list[Write] = []
        for single in singles:
            family, key = single.family, key_of(single)
            if family.log:
                self._restarted.add((family, key[:-1]))
                after = (cast(int, key[-1]) - 1,)
                rest = await self._backend.keys(Page(family, key[:-1], after=after))
                drops += [Drop(family, gone, self._now) for gone in rest]
        return drops

    def _count(self, bundle: Bundle, writes: bool, known: bool) -> None:
        if not writes:
            self._report.unchanged += 1
        elif known:
            self._report.updated += 1
        else:
            self._report.added += 1

    def _written(self, writes: Sequence[Put | Copy | Append]) -> list[Write]:
        for write in writes:
            count = len(write.bodies) if isinstance(write, Append) else 1
            self._report.records += count
            self._report.families[write.family.name] += count
        return list(writes)


def key_of(single: Put | Copy) -> Key:
    return single.key if isinstance(single, Put) else tuple(single.row[KEY:])


def body_of(single: Put | Copy) -> bytes:
    return single.body if isinstance(single, Put) else cast(bytes, single.row[BODY])


def expires_of(single: Put | Copy) -> int | None:
    return single.expires_at if isinstance(single, Put) else cast("int | None", single.row[EXPIRES_AT])


def _owner(bundle: Bundle) -> tuple[Family, Key]:
    owner = owner_of(bundle.family) or bundle.family
    return owner, bundle.key[: len(owner.key)]


def _log_keys(bundle: Bundle) -> list[tuple[Family, Key]]:
    """Keys under which the log of a bundle would stand, and the one behind its last."""
    log, count = bundle.log[0], sum(len(append.bodies) for append in bundle.log)
    return [(log.family, (*log.prefix, position)) for position in range(count + 1)]


def _stored_log(bundle: Bundle, there: StoredBodies) -> list[bytes] | None:
    """The part of the bundle's log that the store holds already; None where the store holds another one."""
    stored: list[bytes] = []
    if not bundle.log:
        return stored
    family, prefix, bodies = bundle.log[0].family, bundle.log[0].prefix, bundle.bodies
    for position, body in enumerate(bodies):
        old = there.get((family, (*prefix, position)))
        if old is None:
            break
        if old != body:
            return None
        stored.append(old)
    holds_more = any((family, (*prefix, position)) in there for position in range(len(stored), len(bodies)))
    return None if holds_more else stored


def _tail(log: list[Append], count: int) -> list[Append]:
    """The log less its first `count` bodies."""
    rest = []
    for append in log:
        kept = append.bodies[count:] if count < len(append.bodies) else ()
        count = max(0, count - len(append.bodies))
        if kept:
            rest.append(append._replace(bodies=kept))
    return rest
