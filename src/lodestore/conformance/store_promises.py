"""Store promises: what `lodestore.Store` keeps over any backend."""

from __future__ import annotations

from .counters import Counters
from .documents import Documents
from .embedding import Embedded
from .expiry import Lifetimes
from .generated import GeneratedFamilies
from .names import Names
from .ordering import Sequences
from .search import Searches
from .service import Service
from .tokenizers import Tokenized
from .transactions import Transactions
from .vectors import Nearness


class InterfacePromises(
    Documents,
    Names,
    Sequences,
    Lifetimes,
    Counters,
    Transactions,
    Searches,
    Tokenized,
    Nearness,
    Embedded,
    GeneratedFamilies,
    Service,
):
    """All that users of a store may count on; see `Kit` for how to use it."""
