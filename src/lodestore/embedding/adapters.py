"""Embedder adapters: clients and models that the caller has created. Nothing of theirs is imported here."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from ..errors import InvalidInputError
from .embedder import EmbedFunction, NamedEmbedder


def from_sentence_transformers(model: Any, name: str | None = None) -> NamedEmbedder:
    """Make an embedder of a `SentenceTransformer`, with the prompts it has for documents and for queries.

    Args:
        model: The loaded model.
        name: Its name; None: the name of the model on its hub.

    Returns:
        The embedder.

    Raises:
        InvalidInputError: The model does not know its name and none is given, or it is not a model.
    """
    if isinstance(model, str):  # which has a method `encode` too
        raise InvalidInputError("model: expected a SentenceTransformer, not the name of one")
    encode = _method(model, "encode", "model")
    card = getattr(model, "model_card_data", None)
    if not (name := name or getattr(card, "base_model", None)):
        raise InvalidInputError("name: the model does not know its name; give it, as in name='all-MiniLM-L6-v2'")
    # Later versions have methods for documents and queries, and a shorter name for the dimension.
    documents = getattr(model, "encode_document", encode)
    queries = getattr(model, "encode_query", encode)
    tell = getattr(model, "get_embedding_dimension", None) or model.get_sentence_embedding_dimension
    return NamedEmbedder(_encoding(documents), name, tell(), _encoding(queries))


def _encoding(encode: Callable[..., Any]) -> EmbedFunction:
    def embed(texts: list[str]) -> Any:
        return encode(texts, normalize_embeddings=False, convert_to_numpy=True, show_progress_bar=False)

    return embed


def from_openai(client: Any, model: str, dimensions: int | None = None) -> NamedEmbedder:
    """Make an embedder of OpenAI's client, synchronous or not, at whatever server it talks to.

    Args:
        client: The client, such as `openai.AsyncOpenAI()`.
        model: The name of the model.
        dimensions: The length of the vectors, if it is to be shorter than the model's own; vectors of different
            lengths are kept apart.

    Returns:
        The embedder.

    Raises:
        InvalidInputError: The client has no `embeddings.create`.
    """
    create = _method(getattr(client, "embeddings", None), "create", "client")
    wanted = {} if dimensions is None else {"dimensions": dimensions}

    def request(texts: list[str]) -> dict[str, Any]:
        return {"model": model, "input": texts, **wanted}

    return NamedEmbedder(_calling(create, request, _openai_vectors), _named(model, dimensions), dimensions)


def _openai_vectors(response: Any) -> list[Any]:
    return [item.embedding for item in sorted(response.data, key=lambda item: item.index)]


def from_cohere(client: Any, model: str, dimensions: int | None = None) -> NamedEmbedder:
    """Make an embedder of Cohere's client of version 2, synchronous or not: `cohere.ClientV2`, `AsyncClientV2`.

    Args:
        client: The client.
        model: The name of the model.
        dimensions: The length of the vectors, of models that have several; None: the model's default.

    Returns:
        The embedder.

    Raises:
        InvalidInputError: The client has no `embed`.
    """
    embed = _method(client, "embed", "client")
    wanted = {} if dimensions is None else {"output_dimension": dimensions}

    def of_type(input_type: str) -> EmbedFunction:
        fixed = {"model": model, "input_type": input_type, "embedding_types": ["float"], **wanted}
        return _calling(embed, lambda texts: {"texts": texts, **fixed}, _cohere_vectors)

    name = _named(model, dimensions)
    return NamedEmbedder(of_type("search_document"), name, dimensions, of_type("search_query"))


def _cohere_vectors(response: Any) -> Any:
    found = getattr(response.embeddings, "float_", None)  # `float` where a response was not renamed for Python
    return response.embeddings.float if found is None else found


def _named(model: str, dimensions: int | None) -> str:
    return model if dimensions is None else f"{model}@{dimensions}"


def _method(holder: Any, name: str, argument: str) -> Callable[..., Any]:
    method = getattr(holder, name, None)
    if not callable(method) or isinstance(holder, type):
        raise InvalidInputError(f"{argument}: expected an object with a method `{name}`; see docs/embeddings.md")
    return method  # type: ignore[no-any-return]


def _calling(
    method: Callable[..., Any], request: Callable[[list[str]], dict[str, Any]], read: Callable[[Any], Any]
) -> EmbedFunction:
    """Make a function of texts that sends one request by a client; asynchronous where the client's method is."""

    async def later(answer: Awaitable[Any]) -> Any:
        return read(await answer)

    async def ask(texts: list[str]) -> Any:
        return read(await method(**request(texts)))

    def call(texts: list[str]) -> Any:
        answer = method(**request(texts))
        # Something wrapped around the client may hide that its methods are asynchronous.
        return later(answer) if inspect.isawaitable(answer) else read(answer)

    return ask if inspect.iscoroutinefunction(method) else call
