"""Commands and their arguments: everything `--help` needs, and nothing that takes time to import."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .. import __version__
from ..errors import InvalidInputError

_URL = (
    "store URL: sqlite:///agent.db (relative path) or sqlite:////srv/agent.db (absolute), file:///folder, redis://host "
    "or postgresql://user@host/database"
)
_FORMATS = (
    "auto (recognised by content), openai-jsonl, chatgpt, claude, claude-code, typingcloud, connectome-tree, "
    "connectome-db or lodestore"
)
_TOKENIZERS = ("words", "trigram", "both")
_OUT = ("lodestore", "openai-jsonl")
_EPILOG = """\
Environment:
  LODESTORE_KEY              key of an encrypted SQLite store
  LODESTORE_PASSWORD         password of a server, if the URL has none
  LODESTORE_TARGET_KEY       key of the target of `migrate`; if unset, LODESTORE_KEY; if empty, none
  LODESTORE_TARGET_PASSWORD  password of the target of `migrate`; if unset and the source is not on a
                             server, LODESTORE_PASSWORD

Exit codes:
  0 done   1 the answer is no (unhealthy, problems, not found, broken records, conflicts)   2 wrong usage
  3 the store failed   130 interrupted   141 the reader of the output closed the pipe

With --json, an error is printed to standard output too: {"error": ..., "class": ...}"""


class Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def error(self, message: str) -> NoReturn:
        raise InvalidInputError(f"{message}; see `{self.prog} --help`")


def parser() -> Parser:
    """The whole command line."""
    top = Parser(
        prog="lodestore",
        description="Inspect and manage lodestore databases.",
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
        command.add_argument("--json", action="store_true", help="print one JSON document, for programs")
    return top


Adding = Callable[[argparse.ArgumentParser], Any]


def _argument(*names: str, **settings: Any) -> Adding:
    return lambda command: command.add_argument(*names, **settings)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, not {text!r}")
    return int(text)


_STORE = _argument("url", metavar="URL", help=_URL)
_EMBEDDER = _argument("--embedder", metavar="MODULE:NAME", help="embedding function to import, as module:name")
_FAMILY = _argument("family", metavar="FAMILY", help="kind of record: conversation, raw_message, memory, ...")

_COMMANDS: Sequence[tuple[str, str, str, Sequence[Adding]]] = (
    (
        "demo",
        "run_demo.demo",
        "show what a store does with real conversations, including kill -9, in a few seconds",
        [_argument("--at", metavar="FOLDER", help="folder for the demo's files (default: a new temporary folder)")],
    ),
    ("info", "inspect.info", "show location, version and size of a store", [_STORE]),
    ("stats", "inspect.stats", "count the records of a store", [_STORE]),
    ("health", "inspect.health", "check by a write that a store works; exit code 1 if it is not healthy", [_STORE]),
    (
        "list",
        "inspect.keys",
        "list the keys of a family",
        [
            _STORE,
            _FAMILY,
            _argument(
                "prefix",
                metavar="PREFIX",
                nargs="*",
                default=[],
                help="first parts of the key, such as a conversation id for its messages",
            ),
            _argument("--limit", metavar="N", type=_count, help="list at most N"),
            _argument("--after", metavar="ID", help="only keys behind this one"),
            _argument("--partial", action="store_true", help="also list conversations that have no document"),
        ],
    ),
    (
        "show",
        "inspect.show",
        "print a record, or all messages or memories of a conversation, or all chains of an agent, as JSON",
        [
            _STORE,
            _FAMILY,
            _argument("key", metavar="KEY", nargs="+", help="the key, or its first part to print all below it"),
        ],
    ),
    (
        "search",
        "search.search",
        "search messages, memories, results and items, best hits first; exit code 1 if there are none",
        [
            _STORE,
            _argument("query", metavar="WORDS", help='any of these words; "a phrase", prefix*, -excluded'),
            _argument(
                "--namespace",
                metavar="ID",
                action="append",
                help="only this conversation or collection; given twice: a collection and a namespace in it",
            ),
            _argument(
                "--family", metavar="FAMILY", action="append", help="raw_message, memory, result or item; repeatable"
            ),
            _argument(
                "--mode",
                choices=("auto", "text", "vector", "hybrid"),
                default="auto",
                help="default: %(default)s, whatever is available",
            ),
            _EMBEDDER,
            _argument("--where", metavar="JSON", help="filter over the documents, see docs/filters.md"),
            _argument("--limit", metavar="N", type=_count, default=10, help="at most N hits (default: %(default)s)"),
            _argument("--offset", metavar="N", type=_count, default=0, help="skip the first N"),
            _argument("--explain", action="store_true", help="show the score of each hit and the ranks it comes from"),
        ],
    ),
    (
        "sql",
        "inspect.sql",
        "run a read-only SQL query on a SQLite store",
        [
            _STORE,
            _argument("statement", metavar="STATEMENT", help="such as 'select count(*) from raw_messages'"),
            _argument(
                "parameters",
                metavar="PARAM",
                nargs="*",
                default=[],
                help="a value for each ?; numbers are passed as numbers",
            ),
        ],
    ),
    (
        "import",
        "import_export.bring_in",
        "import conversations from other tools, or an export; creates the store if needed",
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
        "export a store as JSON lines",
        [
            _STORE,
            _argument(
                "--out", metavar="FILE", help="output file, compressed if it ends in .zst or .gz (default: stdout)"
            ),
            _argument("--format", choices=_OUT, default=_OUT[0], help="default: %(default)s"),
            _argument("--families", metavar="A,B", help="only these families"),
        ],
    ),
    (
        "migrate",
        "migrate.migrate",
        "copy a store to another backend, while it is in use, and verify that both are equal",
        [
            _argument("source", metavar="SRC", help=_URL),
            _argument("target", metavar="DST", help="store URL of the target; created if there is none"),
            _argument("--families", metavar="A,B", help="only these families"),
            _argument("--dry-run", action="store_true", help="count and compare, but write nothing"),
            _argument(
                "--no-verify", action="store_true", help="copy in one pass; nothing may write to the source meanwhile"
            ),
            _argument("--resume", action="store_true", help="finish a migration that was interrupted"),
            _argument(
                "--discard-foreign-writes",
                action="store_true",
                help="with --resume: delete what others wrote to the unfinished target",
            ),
            _argument(
                "--merge",
                choices=("skip", "overwrite", "fail"),
                help="copy into a store that is not empty; says what to do with records that differ",
            ),
        ],
    ),
    (
        "backup",
        "import_export.back_up",
        "write a consistent, verified copy of a store while it is in use",
        [_STORE, _argument("path", metavar="PATH", help="new file (SQLite) or folder")],
    ),
    (
        "restore",
        "restore.restore",
        "restore a store from a backup, verified first; times and versions are kept",
        [
            _argument("path", metavar="PATH", help="the backup: a SQLite file or a folder"),
            _argument("url", metavar="URL", help="URL of the store to create: sqlite:///agent.db or file:///folder"),
            _argument("--force", action="store_true", help="rename a store that exists there out of the way"),
        ],
    ),
    ("verify", "maintain.verify", "read every record back; exit code 1 and a line for each problem", [_STORE]),
    (
        "reindex",
        "search.reindex",
        "rebuild the search index from the records",
        [
            _STORE,
            _argument("--pending", action="store_true", help="keep the index; embed the records that have no vector"),
            _EMBEDDER,
            _argument("--tokenizer", choices=_TOKENIZERS, help="index text by these from now on (default: as before)"),
        ],
    ),
    ("purge", "maintain.purge", "remove expired records", [_STORE]),
    ("compact", "maintain.compact", "give unused space back", [_STORE]),
    ("upgrade", "maintain.upgrade", "upgrade the schema of a store; creates the store if there is none", [_STORE]),
    (
        "schema",
        "maintain.schema",
        "print the SQL of an empty store",
        [
            _argument("--dialect", choices=("sqlite", "postgres"), default="sqlite", help="default: %(default)s"),
            _argument("--statements", action="store_true", help="print the statements that are run on records instead"),
            _argument(
                "--write", action="store_true", help="rewrite schema/ in a source checkout and list what changed"
            ),
        ],
    ),
)
