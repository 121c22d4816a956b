"""Commands and their arguments: everything `--help` needs, and nothing that takes time to import."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .. import __version__
from ..errors import InvalidInputError

_URL = (
    "the store: sqlite:///agent.db (relative; four slashes: absolute), file:///folder, redis://host or "
    "postgresql://user@host/database"
)
_FORMATS = (
    "auto (told by the content), openai-jsonl, chatgpt, claude, claude-code, typingcloud, connectome-tree, "
    "connectome-db or lodestore"
)
_TOKENIZERS = ("words", "trigram", "both")
_OUT = ("lodestore", "openai-jsonl")
_EPILOG = """\
An encrypted SQLite store is opened with the key in the environment variable LODESTORE_KEY;
the target of migrate with that in LODESTORE_TARGET_KEY where it is set (empty: not encrypted).
The password for a server is that in its URL, else that in LODESTORE_PASSWORD; for the target
of migrate that in LODESTORE_TARGET_PASSWORD (or LODESTORE_PASSWORD, from a source on no server).
Exit codes: 0 done; 1 the answer is no (unhealthy, problems, absent, broken records, conflicts); 2 wrong usage;
3 the store failed; 130 interrupted; 141 the reader of the output left.
With --json an error is an object on standard output too: {"error": ..., "class": ...}."""


class Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInputError(f"{message}; see `{self.prog} --help`")


def parser() -> Parser:
    """The whole command line."""
    top = Parser(
        prog="lodestore",
        description="Look after stores of what AI agents must not forget.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"lodestore {__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for name, run, text, arguments in _COMMANDS:
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        command.set_defaults(run=run)
        for argument in arguments:
            argument(command)
        command.add_argument("--json", action="store_true", help="one JSON document for programs")
    return top


Adding = Callable[[argparse.ArgumentParser], Any]


def _argument(*names: str, **settings: Any) -> Adding:
    return lambda command: command.add_argument(*names, **settings)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, not {text!r}")
    return int(text)


_STORE = _argument("url", metavar="URL", help=_URL)
_EMBEDDER = _argument(
    "--embedder", metavar="MODULE:NAME", help="what makes vectors of texts, imported from a module of yours"
)
_FAMILY = _argument("family", metavar="FAMILY", help="kind of record, such as conversation, raw_message or memory")

_COMMANDS: Sequence[tuple[str, str, str, Sequence[Adding]]] = (
    (
        "demo",
        "run_demo.demo",
        "show on real conversations what a store does, kill -9 included, in a few seconds",
        [_argument("--at", metavar="FOLDER", help="where to put it (default: a new temporary folder)")],
    ),
    ("info", "inspect.info", "say what a store is, where, in which version, and how large", [_STORE]),
    ("stats", "inspect.stats", "count what is in a store", [_STORE]),
    ("health", "inspect.health", "prove by a write that a store works; exit code 1 when it is not healthy", [_STORE]),
    (
        "list",
        "inspect.keys",
        "list the keys of a family, in its order",
        [
            _STORE,
            _FAMILY,
            _argument(
                "prefix",
                metavar="PREFIX",
                nargs="*",
                default=[],
                help="first parts of the key: a conversation's messages",
            ),
            _argument("--limit", metavar="N", type=_count, help="at most so many"),
            _argument("--after", metavar="ID", help="only those that follow this one"),
            _argument("--partial", action="store_true", help="also conversations that have no document of their own"),
        ],
    ),
    (
        "show",
        "inspect.show",
        "print a record as JSON, or all messages or memories of a conversation, or all chains of an agent",
        [_STORE, _FAMILY, _argument("key", metavar="KEY", nargs="+", help="the key, or its first part for a list")],
    ),
    (
        "search",
        "search.search",
        "find messages, memories, results and items by what they say, the best first; exit code 1 when there are none",
        [
            _STORE,
            _argument("query", metavar="WORDS", help='any of them; "a phrase", a beginning*, -without'),
            _argument(
                "--namespace",
                metavar="ID",
                action="append",
                help="only in this conversation or collection; given again: in this namespace of the collection",
            ),
            _argument(
                "--family", metavar="FAMILY", action="append", help="raw_message, memory, result or item; repeatable"
            ),
            _argument(
                "--mode",
                choices=("auto", "text", "vector", "hybrid"),
                default="auto",
                help="default: %(default)s, by all that is at hand",
            ),
            _EMBEDDER,
            _argument("--where", metavar="JSON", help="a filter over the documents, see docs/filters.md"),
            _argument("--limit", metavar="N", type=_count, default=10, help="at most so many (default: %(default)s)"),
            _argument("--offset", metavar="N", type=_count, default=0, help="leave out the first N"),
            _argument("--explain", action="store_true", help="the score of each, and the ranks it is made of"),
        ],
    ),
    (
        "sql",
        "inspect.sql",
        "ask a SQLite store one reading SQL statement, over its tables and views",
        [
            _STORE,
            _argument("statement", metavar="STATEMENT", help="such as 'select count(*) from raw_messages'"),
            _argument(
                "parameters", metavar="PARAM", nargs="*", default=[], help="values for each ? (numbers as numbers)"
            ),
        ],
    ),
    (
        "import",
        "import_export.bring_in",
        "import conversations from other tools' files, or an export; creates the store",
        [
            _argument("files", metavar="FILE", nargs="+", help="a file (plain, .gz or .zst), a folder, or - for stdin"),
            _argument("--into", metavar="URL", required=True, help=_URL),
            _argument("--format", metavar="FORMAT", default="auto", help=_FORMATS),
            _argument("--on-conflict", choices=("skip", "overwrite"), default="skip", help="default: %(default)s"),
        ],
    ),
    (
        "export",
        "import_export.bring_out",
        "write a store as JSON lines",
        [
            _STORE,
            _argument("--out", metavar="FILE", help="a file, packed where it ends in .zst or .gz (default: stdout)"),
            _argument("--format", choices=_OUT, default=_OUT[0], help="default: %(default)s"),
            _argument("--families", metavar="A,B", help="only these kinds of record"),
        ],
    ),
    (
        "migrate",
        "migrate.migrate",
        "copy a store into another of any backend, in use or not, and prove that both hold the same",
        [
            _argument("source", metavar="SRC", help=_URL),
            _argument("target", metavar="DST", help="where to; created where there is none"),
            _argument("--families", metavar="A,B", help="only these kinds of record"),
            _argument("--dry-run", action="store_true", help="count and compare, write nothing"),
            _argument("--no-verify", action="store_true", help="one pass; nothing may write to the source meanwhile"),
            _argument("--resume", action="store_true", help="finish a migration that was interrupted"),
            _argument(
                "--drop-strangers",
                action="store_true",
                help="with --resume: drop what others wrote into the unfinished target",
            ),
            _argument(
                "--merge",
                choices=("skip", "overwrite", "fail"),
                help="into a store that is not empty; what to do with records it holds otherwise",
            ),
        ],
    ),
    (
        "backup",
        "import_export.back_up",
        "write a consistent, verified copy of a store while it is in use",
        [_STORE, _argument("path", metavar="PATH", help="a new file (SQLite) or folder")],
    ),
    (
        "restore",
        "restore.restore",
        "make a store from a backup, verified first; times and versions are kept",
        [
            _argument("path", metavar="PATH", help="what backup made: a SQLite file or a folder"),
            _argument("url", metavar="URL", help=f"where to: {_URL}"),
            _argument("--force", action="store_true", help="move aside what is there already, under a free name"),
        ],
    ),
    ("verify", "maintain.verify", "read everything back; exit code 1 and one line for each problem", [_STORE]),
    (
        "reindex",
        "search.reindex",
        "build the search index anew from the records",
        [
            _STORE,
            _argument("--pending", action="store_true", help="leave it; make vectors for the records that have none"),
            _EMBEDDER,
            _argument("--tokenizer", choices=_TOKENIZERS, help="index text by these from now on (default: as so far)"),
        ],
    ),
    ("purge", "maintain.purge", "remove what has expired", [_STORE]),
    ("compact", "maintain.compact", "give back space that is no longer needed", [_STORE]),
    ("upgrade", "maintain.upgrade", "bring the schema of a store up to date; creates an absent one", [_STORE]),
    (
        "schema",
        "maintain.schema",
        "print the SQL of an empty store",
        [
            _argument("--dialect", choices=("sqlite", "postgres"), default="sqlite", help="default: %(default)s"),
            _argument("--statements", action="store_true", help="the statements run on records instead"),
            _argument("--write", action="store_true", help="render the checkout's schema/ anew; say what changed"),
        ],
    ),
)
