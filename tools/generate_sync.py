"""Code generation: `lodestore/store/sync_store.py`, the blocking twin of `Store`, from the signatures of `Store`.

`./dev generate` writes it; a test fails when it differs. A method keeps its parameters, its types and its docstring;
only `async` and `await` go.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from lodestore.store.opening import open as open_async
from lodestore.store.store import Store
from lodestore.store.sync_base import SyncStoreBase
from lodestore.store.transaction import Transaction, WriteMethods

TARGET = Path(inspect.getfile(Store)).with_name("sync_store.py")
BY_HAND = {"aclose"} | {name for name in vars(SyncStoreBase) if not name.startswith("_")}

Method = Callable[..., Any]
Function = ast.AsyncFunctionDef | ast.FunctionDef

HEAD = '''\
"""SyncStore: the methods of `Store` for code without an event loop.

Generated from `Store` by `./dev generate`; a test fails when it differs. Do not edit.
"""

from __future__ import annotations

from .opening import open as open_async
from .sync_base import BlockingCalls, SyncStoreBase, SyncTransactionBase
'''
WRITES = '''\
class SyncWriteMethods(BlockingCalls):
    """All writes: for a store, which applies them at once, and for a transaction, which collects them."""
'''
TRANSACTION = '''\
class SyncTransaction(SyncTransactionBase, SyncWriteMethods):
    """%s"""
'''
STORE = '''\
class SyncStore(SyncStoreBase, SyncWriteMethods):
    """A `Store` for code without an event loop, usable from any thread.

    `lodestore.sync.open` makes one. Every method of `Store` is here, without `await`; a call blocks its thread until it
    is done. The store runs on an event loop in a thread of its own.

    Attributes:
        backend: Where records live.
    """
'''


def rendered() -> str:
    """The whole module, as the formatter leaves it."""
    writes, own = methods_of(WriteMethods.__mro__), methods_of([Transaction])
    store = {name: it for name, it in methods_of(Store.__mro__).items() if name not in {*writes, *BY_HAND}}
    lines = {line for method in (*writes.values(), *store.values(), open_async) for line in imports_of(method)}
    opening = f"return SyncStore(open_async({arguments(node_of(open_async))}))"
    parts = [
        HEAD + "\n".join(sorted(lines)),
        WRITES + in_class(writes, "_writer"),
        TRANSACTION % blocking(ast.get_docstring(node_of(Transaction), clean=False)) + in_class(own, "_writer"),
        STORE + in_class(store, "_store"),
        function(node_of(open_async), "SyncStore", opening),
    ]
    return tidy("\n\n".join(parts))


def methods_of(classes: Iterable[type]) -> dict[str, Method]:
    """The public methods that classes define themselves; of one name the first counts."""
    found: dict[str, Method] = {}
    for owner in classes:
        for name, value in vars(owner).items():
            if inspect.isfunction(value) and not name.startswith("_"):
                found.setdefault(name, value)
    return found


def in_class(methods: dict[str, Method], target: str) -> str:
    """Blocking methods, each of which calls the one of its name on `target`."""
    return "\n" + "\n".join(textwrap.indent(method(node_of(it), target), "    ") for it in methods.values())


def method(node: Function, target: str) -> str:
    call, returns = f"self.{target}.{node.name}({arguments(node)})", ast.unparse(node.returns or ast.Constant(None))
    if returns == Transaction.__name__:
        return function(node, f"Sync{returns}", f"return Sync{returns}(self, {call})")
    return function(node, returns, f"return self._wait({call})")


def function(node: Function, returns: str, body: str) -> str:
    doc = blocking(ast.get_docstring(node, clean=False))
    return f'def {node.name}({ast.unparse(node.args)}) -> {returns}:\n    """{doc}"""\n    {body}\n'


def arguments(node: Function) -> str:
    """What hands all parameters of a function on."""
    args = node.args
    parts = [arg.arg for arg in args.args if arg.arg != "self"]
    parts += [f"*{args.vararg.arg}"] if args.vararg else []
    parts += [f"{arg.arg}={arg.arg}" for arg in args.kwonlyargs]
    parts += [f"**{args.kwarg.arg}"] if args.kwarg else []
    return ", ".join(parts)


def blocking(doc: str | None) -> str:
    """A docstring and its example, for code without an event loop."""
    text = doc or ""
    for old, new in (
        ("to be awaited or used as `async with`", "open, and closed at the end of a `with` block"),
        ("async with", "with"),
        ("await ", ""),
        ("lodestore.open(", "lodestore.sync.open("),
    ):
        text = text.replace(old, new)
    return text


def node_of(it: Any) -> Any:
    """The syntax tree of a function or a class."""
    return ast.parse(textwrap.dedent(inspect.getsource(it))).body[0]


def imports_of(it: Method) -> Iterator[str]:
    """Imports for all that the signature of a function names."""
    node, module = node_of(it), it.__module__
    names = {part.id for root in (node.args, node.returns) for part in ast.walk(root) if isinstance(part, ast.Name)}
    return (line for name in sorted(names) if (line := import_of(name, module)))


def import_of(name: str, module: str) -> str | None:
    """The line that imports a name of a module, from where the module itself has it; None for a builtin."""
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return ast.unparse(ast.ImportFrom(node.module, [ast.alias(name)], node.level))
        if isinstance(node, ast.Import) and name in {alias.name for alias in node.names}:
            return f"import {name}"
        if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
            return f"from .{module.rpartition('.')[2]} import {name}"
    return None


def tidy(text: str) -> str:
    """What the linter and the formatter make of a module."""
    for command in (["check", "--select", "I,F401", "--fix", "--quiet"], ["format", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    TARGET.write_text(rendered(), encoding="utf-8")
