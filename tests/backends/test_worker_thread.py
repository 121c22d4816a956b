"""Worker thread: one function at a time, each to its end, whatever becomes of its caller."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator

import pytest

from lodestore.backends.worker_thread import WorkerThread
from lodestore.errors import UnavailableError

NAME = "a-worker-under-test"


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


@pytest.fixture
def worker() -> Iterator[WorkerThread]:
    made = WorkerThread(NAME)
    made.start()
    yield made
    asyncio.run(made.stop())


class Gate:
    """Holds the thread until it is opened."""

    def __init__(self, worker: WorkerThread) -> None:
        self._open = threading.Event()
        worker.post(self._open.wait)

    def open(self) -> None:
        self._open.set()


def test_functions_run_one_at_a_time_in_order_and_in_its_thread(worker: WorkerThread) -> None:
    seen: list[tuple[int, str]] = []

    async def work() -> list[int]:
        gate = Gate(worker)
        running = [worker.begin(lambda n=n: seen.append((n, threading.current_thread().name)) or n) for n in range(50)]
        gate.open()
        return [await each for each in running]

    assert asyncio.run(work()) == list(range(50))
    assert seen == [(n, NAME) for n in range(50)]


def test_an_error_reaches_its_caller_and_the_thread_goes_on(worker: WorkerThread) -> None:
    async def work() -> int:
        with pytest.raises(ZeroDivisionError):
            await worker.run(lambda: 1 // 0)
        with pytest.raises(SystemExit):
            await worker.run(sys.exit, "not the thread's to decide")
        return await worker.run(int, "7")

    assert asyncio.run(work()) == 7


def test_a_function_whose_caller_was_cancelled_runs_to_its_end(worker: WorkerThread) -> None:
    done: list[str] = []

    async def work() -> None:
        gate = Gate(worker)
        waiting = asyncio.create_task(worker.run(done.append, "it"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.open()
        await worker.run(int)

    asyncio.run(work())
    assert done == ["it"]


def test_an_error_nobody_asks_for_is_not_logged(worker: WorkerThread, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        worker.begin(lambda: 1 // 0)
        await worker.run(int)

    asyncio.run(work())
    gc.collect()
    assert caplog.records == []


def test_stopping_runs_what_was_handed_over_even_if_whoever_stops_is_cancelled() -> None:
    worker, done = WorkerThread(NAME), list[str]()
    worker.start()

    async def work() -> None:
        gate = Gate(worker)
        worker.begin(done.append, "first")
        stopping = asyncio.create_task(worker.stop(lambda: done.append("last")))
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        with pytest.raises(UnavailableError, match="not open"):
            await worker.run(done.append, "too late")
        await worker.stop(lambda: done.append("twice"))
        [thread] = threads()
        gate.open()
        await asyncio.to_thread(thread.join)

    asyncio.run(work())
    assert done == ["first", "last"]
    assert not worker.running


def test_it_outlives_the_loop_whose_answers_nobody_takes(worker: WorkerThread) -> None:
    async def leave() -> Gate:
        gate = Gate(worker)
        worker.begin(int)
        return gate

    async def again() -> int:
        return await worker.run(int, "3")

    asyncio.run(leave()).open()
    assert asyncio.run(again()) == 3


def test_it_starts_again_after_it_was_stopped(worker: WorkerThread) -> None:
    async def work() -> int:
        await worker.stop()
        worker.start()
        return await worker.run(int, "5")

    assert asyncio.run(work()) == 5


def test_one_that_is_forgotten_ends() -> None:
    worker = WorkerThread(NAME)
    worker.start()
    [thread] = threads()
    del worker
    gc.collect()
    thread.join(20)
    assert not thread.is_alive()


def test_a_function_without_end_does_not_keep_the_interpreter() -> None:
    code = """
        import asyncio, threading
        from lodestore.backends.worker_thread import WorkerThread
        async def main():
            worker = WorkerThread("stuck")
            worker.start()
            worker.begin(threading.Event().wait)
        asyncio.run(main())
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=30)
