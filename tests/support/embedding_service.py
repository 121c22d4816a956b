"""A stand-in for services of embeddings, on a port of this machine, and small clients of the shape of the real ones.

The service speaks as OpenAI's `/v1/embeddings` and Cohere's `/v2/embed` do. A text's vector tells which text it was.
"""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

from .ports import free_port

KEY = "sk-very-secret"
POISON = "poison"  # a text with it is refused, and with it the whole request


def vector_of(text: str, kind: str = "") -> list[float]:
    """Numbers that float32 keeps, other ones for other texts and kinds."""
    return [1.0, float(len(text)), float(sum(text.encode()) % 9973), float(len(kind))]


class Service(ThreadingHTTPServer):
    """Answers rightly until `fault` says otherwise: a status, "cut", "few", "nan" or "ragged"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", free_port()), _Handler)
        self.fault: int | str | None = None
        self.requests: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        fault = self.server.fault
        texts = body.get("input") or body.get("texts")
        if fault == "cut":
            self.connection.close()
        elif isinstance(fault, int):
            self.answer(fault, {"error": {"message": f"not with {self.headers['Authorization']}"}})
        elif any(POISON in text for text in texts):
            self.answer(400, {"error": {"message": f"not this text, {self.headers['Authorization']}"}})
        else:
            vectors = spoilt([vector_of(text, body.get("input_type", "")) for text in texts], fault)
            self.answer(200, (openai if self.path == "/v1/embeddings" else cohere)(vectors, body))

    def answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def spoilt(vectors: list[list[float]], fault: object) -> list[list[float]]:
    if fault == "few":
        return vectors[1:]
    if fault == "nan":
        vectors[-1][0] = float("nan")
    if fault == "ragged":
        vectors[-1] = vectors[-1][1:]
    return vectors


def openai(vectors: list[list[float]], body: dict[str, Any]) -> object:
    size = body.get("dimensions")
    items = [{"object": "embedding", "index": at, "embedding": vector[:size]} for at, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": body["model"], "data": items[::-1], "usage": usage}  # only `index` tells


def cohere(vectors: list[list[float]], body: dict[str, Any]) -> object:
    assert body["embedding_types"] == ["float"]
    size = body.get("output_dimension")
    return {"id": "1", "embeddings": {"float": [vector[:size] for vector in vectors]}, "texts": body["texts"]}


@contextmanager
def running() -> Iterator[Service]:
    """A service while the block lasts."""
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()


class ApiError(Exception):
    """As clients raise it: with a status, and with headers and bodies in its text."""

    def __init__(self, status_code: int, headers: object, body: object) -> None:
        super().__init__(f"headers: {headers}, status_code: {status_code}, body: {body!r}")
        self.status_code = status_code


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post(url: str, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with _OPENER.open(request) as response:
            return json.loads(response.read(), object_hook=lambda found: SimpleNamespace(**found))
    except urllib.error.HTTPError as error:
        with error:
            raise ApiError(error.code, headers, error.read()) from None


class OpenAI:
    """`openai.OpenAI`, as far as it is used."""

    def __init__(self, base_url: str = "", **_: Any) -> None:
        self.base_url = base_url
        self.embeddings = self

    def create(self, **body: Any) -> Any:
        return post(f"{self.base_url}/v1/embeddings", body)


class AsyncOpenAI(OpenAI):
    async def create(self, **body: Any) -> Any:
        return await asyncio.to_thread(super().create, **body)


class ClientV2:
    """`cohere.ClientV2`, as far as it is used."""

    def __init__(self, base_url: str = "", **_: Any) -> None:
        self.base_url = base_url

    def embed(self, **body: Any) -> Any:
        response = post(f"{self.base_url}/v2/embed", body)
        response.embeddings.float_ = response.embeddings.__dict__.pop("float")  # as the real one names it
        return response


class AsyncClientV2(ClientV2):
    async def embed(self, **body: Any) -> Any:
        return await asyncio.to_thread(super().embed, **body)
