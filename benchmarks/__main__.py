"""`python -m benchmarks`: run the comparisons, print the table."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from . import core, process, redis_pairs, runner, servers


def main() -> int:
    """Exit 1 when a limit is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="pairs of blocks for each comparison")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lodestore-bench-") as folder:
        results = asyncio.run(core.run(Path(folder), options.rounds))
        results += asyncio.run(servers.run(Path(folder), options.rounds))
        figures = process.run(Path(folder), options.rounds)
        figures += asyncio.run(redis_pairs.run(Path(folder), options.rounds))
    everything = [*results, *figures]
    print(json.dumps([r.as_dict() for r in everything], indent=2) if options.json else runner.table(results, figures))
    return 0 if all(r.met for r in everything) else 1


if __name__ == "__main__":
    raise SystemExit(main())
