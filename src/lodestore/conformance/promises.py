"""The promises of the interface: what `lodestore.Store` keeps over any backend."""

from __future__ import annotations

from .counters import Counters
from .documents import Documents
from .embedded import Embedded
from .lifetimes import Lifetimes
from .names import Names
from .nearness import Nearness
from .searches import Searches
from .sequences import Sequences
from .service import Service
from .tokenized import Tokenized
from .transactions import Transactions


class InterfacePromises(
    Documents, Names, Sequences, Lifetimes, Counters, Transactions, Searches, Tokenized, Nearness, Embedded, Service
):
    """All that users of a store may count on; see `Kit` for how to use it."""
