"""Command line: what the layers below return, printed for people or, with `--json`, for programs.

Exit codes: 0 yes or done; 1 the answer is no (unhealthy, problems found, absent, broken records, conflicts); 2 wrong
usage; 3 the store failed; 130 interrupted; 141 the reader of our output left. With `--json` an error is a JSON object
on stdout as well: {"error": ..., "class": ...}.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import ConflictError, InvalidInputError, LodestoreError
from .parser import parser

NO, USAGE, FAILED, INTERRUPTED, UNREAD = 1, 2, 3, 130, 141


class Negative(Exception):
    """The answer is no, in one line: exit code 1."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Errors become one line on stderr, and with `--json` an object too."""
    _speak_utf8()
    as_json = "--json" in (sys.argv[1:] if argv is None else argv)
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _complain("interrupted", "Interrupted", INTERRUPTED, as_json)
    except BrokenPipeError:
        return _leave_quietly()
    except (LodestoreError, Negative) as error:
        if isinstance(error.__context__, BrokenPipeError):
            return _leave_quietly()
        return _complain(_masked(str(error), argv), type(error).__name__, _code(error), as_json)
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return _complain(_masked(message, argv), "OSError", FAILED, as_json)


def _run(argv: Sequence[str] | None) -> int:
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as end:  # argparse has printed the help, the version or what is wrong
        return int(end.code or 0)
    module, name = arguments.run.split(".")
    outcome = getattr(importlib.import_module(f".{module}", __name__), name)(arguments)
    if isinstance(outcome, int):
        return outcome
    import asyncio

    return int(asyncio.run(outcome))


def _code(error: Exception) -> int:
    if isinstance(error, InvalidInputError):
        return USAGE
    return NO if isinstance(error, (Negative, ConflictError)) else FAILED


def _complain(message: str, kind: str, code: int, as_json: bool) -> int:
    from .output import emit, one_line

    print(f"lodestore: {one_line(message)}", file=sys.stderr)
    if as_json:
        try:
            emit({"error": message, "class": kind})
            sys.stdout.flush()
        except BrokenPipeError:
            return _leave_quietly()
    return code


def _masked(message: str, argv: Sequence[str] | None) -> str:
    """A message in which words that may be URLs, whatever they were given for, keep their passwords to themselves."""
    from ..config.registry import SCHEMES, describe

    for word in sys.argv[1:] if argv is None else argv:
        url = word.partition("=")[2] if word.startswith("--") else word
        if ":" in url and ("@" in url or url.partition(":")[0] in SCHEMES):
            for form in (url, repr(url)[1:-1], str(Path(url))):
                message = message.replace(form, describe(url))
    return message


def _speak_utf8() -> None:
    """Programs read UTF-8 whatever the machine's code page; a terminal keeps its own, and shows what it can."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace", encoding=None if stream.isatty() else "utf-8")


def _leave_quietly() -> int:
    # The interpreter flushes standard output once more at its end, and would complain there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UNREAD
