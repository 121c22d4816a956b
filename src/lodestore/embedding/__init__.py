"""Embedding: what a user gives as an embedder, adapters for known clients, and batched calls."""

from __future__ import annotations

from .adapters import from_cohere, from_openai, from_sentence_transformers
from .batching import BatchingEmbedder
from .embedder import Embedder, NamedEmbedder, as_embedder
from .hashing import HashingEmbedder

__all__ = [
    "BatchingEmbedder",
    "Embedder",
    "HashingEmbedder",
    "NamedEmbedder",
    "as_embedder",
    "from_cohere",
    "from_openai",
    "from_sentence_transformers",
]
