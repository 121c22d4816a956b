"""Resolution beside others: lodestore and each of these goes into one environment. Nothing is installed.

`--newest` asks for their newest releases in place of those the list names.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LODESTORE = f"lodestore[postgres,redis,vector] @ {Path(__file__).resolve().parents[1].as_uri()}"
PEERS = (
    "crewai==1.15.30",
    "google-adk==2.13.0",
    "langflow==1.13.0",
    "langgraph-checkpoint-sqlite==3.1.2",
    "litellm[proxy]==1.108.7",
    "open-webui==0.12.4",
    "openai-agents[sqlalchemy,redis]==0.24.0",
)


class UnresolvedError(Exception):
    """What uv said."""


def resolve(*requirements: str) -> str:
    """The versions that meet all requirements, one a line."""
    compile_quietly = ["-m", "uv", "pip", "compile", "--quiet", "--no-annotate"]
    command = [sys.executable, *compile_quietly, "--python-version", "3.11", "-"]
    run = subprocess.run(command, input="\n".join(requirements), capture_output=True, text=True, check=False)
    if run.returncode:
        raise UnresolvedError(run.stderr.strip())
    return run.stdout


def newest(peer: str) -> str:
    """The newest release of a peer: beside ours the resolver would go back to one that fits."""
    name = peer.partition("==")[0]
    found = re.search(rf"^{re.escape(name.partition('[')[0])}==(\S+)$", resolve(name), re.MULTILINE)
    if found is None:
        raise UnresolvedError(f"no version of {name} in the answer")
    return f"{name}=={found[1]}"


def main(arguments: list[str]) -> int:
    """0 where all resolve, 1 where one does not, 2 where lodestore alone does not."""
    try:
        resolve(LODESTORE)
    except UnresolvedError as error:
        print(f"resolve: lodestore alone does not resolve; can the package index be reached?\n{error}", file=sys.stderr)
        return 2
    failed = 0
    for peer in PEERS:
        try:
            wanted = newest(peer) if "--newest" in arguments else peer
            resolve(LODESTORE, wanted)
            print(f"resolve: {wanted}")
        except UnresolvedError as error:
            failed += 1
            print(f"resolve: FAILED {peer}\n{error}", file=sys.stderr)
    print(f"resolve: {len(PEERS) - failed} of {len(PEERS)} beside lodestore")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
