"""URLs that are wrong: what is said of them, and that no password is ever said, however the URL is written."""

from __future__ import annotations

import asyncio
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

import lodestore
from lodestore import cli
from lodestore.config import registry
from lodestore.core.server_urls import server
from lodestore.errors import InvalidInputError, LodestoreError
from tests.support.scale import scaled

DEAD = "127.0.0.1:1"
SECRETS = ("canary-4c1d", "canary-b77e")

# A password in which anything may stand, in front, between and behind: either half of it is a secret.
anything = st.text(st.one_of(st.sampled_from(":/?#@%&=+[],. \\'\"\n\0"), st.characters()), max_size=6)
passwords = st.builds(lambda a, b, c: f"{a}{SECRETS[0]}{b}{SECRETS[1]}{c}", anything, anything, anything)
schemes = st.sampled_from(
    ["redis", "rediss", "redis+cluster", "unix", "postgresql", "postgres", "rdis", "mysql", "sqlite", "file", "memory"]
)
shapes = st.sampled_from(
    [
        "{s}://u:{p}@{h}/0",
        "{s}://:{p}@{h}",
        "{s}:/u:{p}@{h}/db",
        "{s}:u:{p}@{h}/0",
        "{s}:{p}@{h}/0",
        "{s}://u:{p}@{h}/0?timeout=1",
        "{s}://u:{p}@{h}/0?nonsense=1",
        "{s}://u:{p}@{h}/a@b",
        "{s}://u:{p}@{h}/0#x",
        "{s}://u:{p}@/tmp/no.sock",
        "{s}:///u:{p}@/tmp/no.sock",
        "{s}:///u:{p}@{h}/0",
        "{s}://u:{p}@",
        "{s}://u:{p}@{h}:port/0",
        "{s}://u:{p}@{h},{h}/0",
        "{p}@{h}/0",
        "u:{p}@{h}/0",
        "//u:{p}@{h}/0",
    ]
)


def chain(error: BaseException) -> str:
    """An error and all that led to it and is printed with it."""
    return f"{error!r} {error} {''.join(traceback.format_exception(error))}"


def said_of(url: str, **options: Any) -> str:
    """All that opening tells, whether it fails at the URL or at the server, which is not there."""

    async def main() -> str:
        opening = lodestore.open(url, **options)
        said = f"{opening!r} {opening._store!r} {opening._store.backend!r} {vars(opening._store.backend)!r}"
        try:
            async with asyncio.timeout(120), opening:
                return said
        except LodestoreError as error:
            return said + chain(error)

    try:
        return asyncio.run(main())
    except LodestoreError as error:
        return chain(error)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from lodestore.backends.redis import client

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(client, "PATIENCE", ())


class TestPasswords:
    @settings(max_examples=scaled(300, 40))
    @given(shape=shapes, scheme=schemes, password=passwords)
    @example(shape="{s}://u:{p}@{h}/0", scheme="redis", password="pa?canary-4c1d=canary-b77e")
    @example(shape="{s}://u:{p}@{h}/0", scheme="redis", password="1?canary-4c1d=canary-b77e")
    @example(shape="{s}://u:{p}@{h}/0", scheme="redis", password="1?timeout=canary-4c1dcanary-b77e")
    @example(shape="{s}://u:{p}@{h}/0", scheme="redis", password="1/canary-4c1dcanary-b77e")
    @example(shape="{s}://u:{p}@{h}/0", scheme="postgresql", password="1/canary-4c1dcanary-b77e")
    @example(shape="{s}://u:{p}@{h}/0", scheme="postgresql", password="canary-4c1d@canary-b77e")
    @example(shape="{s}://u:{p}@{h}/0", scheme="postgresql", password="[canary-4c1d]canary-b77e\u2100")
    def test_none_is_ever_said(self, shape: str, scheme: str, password: str) -> None:
        url = shape.format(s=scheme, p=password, h=DEAD)
        if scheme in ("sqlite", "file") and not re.match("[a-z]+://[^/]", url):
            return  # a path, which is shown
        said = f"{registry.describe(url)} {said_of(url)}"
        assert not [secret for secret in SECRETS if secret in said], said

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql:/u:canary-4c1d@h/db",
            "redis:u:canary-4c1d@h/0",
            "redis://u:pa?canary-4c1d@h/0",
            "redis://u:pa?x=canary-4c1d@h/0",
            "redis://u:pa?canary-4c1d%40h/0",
            "redis://u:1?canary-4c1d%40h/0",
            "unix:///u:canary-4c1d@/tmp/no.sock",
            "canary-4c1d@h/0",
            "u:canary-4c1d@h/0",
            "canary-4c1d:x@h/0",
            "sqlite:u:canary-4c1d@h/a.db",
        ],
    )
    def test_those_seen(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(InvalidInputError) as caught:
            lodestore.open(url)
        assert "canary" not in chain(caught.value)
        for words in (
            ["stats", url],
            ["migrate", "memory:", url],
            ["import", url, "--into", "memory:"],
            ["restore", url, url],
            [url],
            ["stats", "memory:", url],
            ["list", url, "conversation", f"--limit={url}"],
        ):
            assert cli.main(words)
            assert "canary" not in "".join(capsys.readouterr()) or ":" not in url, words

    def test_what_is_no_secret_is_shown(self) -> None:
        for url, shown in (
            ("redis://u:pw@h:6379/0?timeout=1", "redis://...@h:6379?..."),
            ("redis://h:6379/3?namespace=a", "redis://h:6379/3?..."),
            ("redis+cluster://a:1,b:2", "redis+cluster://a:1,b:2"),
            ("unix:///run/redis.sock", "unix:///run/redis.sock"),
            ("postgresql:///db?host=/run", "postgresql:///db?..."),
            ("postgresql://[::1]:5/db", "postgresql://[::1]:5/db"),
            ("sqlite:////srv/me@work/a.db", "sqlite:////srv/me@work/a.db"),
            ("redis://u:pw", "redis://..."),
            ("sqlite:///a.db?key=pw", "sqlite:///a.db?..."),
        ):
            assert registry.describe(url) == shown


class TestParts:
    def test_any_login_and_host_come_back(self) -> None:
        found = server("postgresql://we%20ird%40x:p%2F%3Aw%25@[::1]:5,b/d%20b")
        assert found[:4] == ("we ird@x", "p/:w%", [("::1", 5), ("b", None)], "d b")
        assert server(found.plain) == found
        assert server("redis://h")[:2] == ("", None)
        assert server("redis://:@h")[:2] == ("", "")
        assert server("redis://u:p@ss@h").plain == "redis://u:p%40ss@h"
        made = registry.backend("postgresql://u:p@s%s@h/db", sslrootcert="system")
        assert made._address._proving() == "postgresql://u:p%40s%25s@h/db"  # the driver would look for a host ss@h

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("postgresql://postgres@127.0.0.1:99999/db", "1 to 65535"),
            ("postgresql://postgres@127.0.0.1:-5/db", "1 to 65535"),
            ("redis://h:0/0", "1 to 65535"),
            ("redis://127.0.0.1:%31/0", "1 to 65535"),
            ("redis://h..x/0", "host name"),
            (f"redis://{'a' * 70}/0", "host name"),
            (f"postgresql://{'a' * 70}/db", "host name"),
            pytest.param("redis://\ud800/0", "control characters", id="half a surrogate"),
            ("postgresql://p%00@h/db", "control characters"),
            ("postgresql://p@h/d%00b", "control characters"),
            ("postgresql://post\ngres@h/db", "control characters"),
            ("postgresql://u:1/x@h/db", "%2F"),
            ("postgresql://u@h/a@b", "%40"),
            ("redis://h/0?namespace=a@b", "%40"),
            ("redis://,/0", "needs a host"),
            ("redis+cluster://a:1,,", "needs a host"),
            ("redis:///0", "needs a host"),
            ("redis://h/x", "number of a database"),
            ("redis://h/-1", "number of a database"),
            ("redis://h/0/1", "number of a database"),
            ("redis://h/99999999999999999999", "number of a database"),
            ("redis://h/0?db=3", "the URL says 0, the setting 3"),
            ("redis://h/3?db=0", "the URL says 3, the setting 0"),
            ("redis+cluster://h/3", "only database 0"),
            ("redis+cluster://h?db=3", "only database 0"),
            ("unix://run/redis.sock", "path of a socket"),
            ("redis://h/0?ca_file=/nope", "rediss:"),
            ("rediss://h/0?ca_file=/nope", "/nope cannot be used"),
            (f"rediss://h/0?ca_file={__file__}", "cannot be used"),
            ("redis://h?max_connections=0", "1 or more"),
            ("redis://h?url=redis://other", "the URL already says where"),
            ("postgresql://h/db?url=postgresql://other/db", "the URL already says where"),
            ("sqlite:///a.db?path=b.db", "the URL already says where"),
            ("file:///a?root=b", "the URL already says where"),
            ("redis://h?timeout=0", "above 0"),
            ("postgresql://h/db?timeout=0", "above 0"),
            ("sqlite:///a.db?timeout=0", "above 0"),
            ("file:///a?timeout=0.0", "above 0"),
            ("postgresql://h/db?pool_size=1.5", "whole number"),
        ],
    )
    def test_what_is_wrong_is_said(self, url: str, message: str) -> None:
        with pytest.raises(InvalidInputError, match=message):
            lodestore.open(url)

    @pytest.mark.parametrize(
        ("url", "options"),
        [
            ("redis://h", {"password": 5}),
            ("redis://h", {"password": b"canary"}),
            ("redis://h", {"namespace": 5}),
            ("redis://h", {"namespace": None}),
            ("redis://h", {"ca_file": 5}),
            ("redis://h", {"db": 1.5}),
            ("redis://h", {"db": "x"}),
            ("redis://h", {"max_connections": 1.5}),
            ("redis://h", {"max_connections": float("inf")}),
            ("postgresql://h/db", {"password": 5}),
            ("postgresql://h/db", {"password": "a\0b"}),
            ("postgresql://h/db", {"host": 5}),
            ("postgresql://h/db", {"sslrootcert": 5}),
            ("postgresql://h/db", {"sslmode": 5}),
            ("postgresql://h/db", {"pool_size": 1.5}),
            ("sqlite:///a.db", {"path": "b.db"}),
        ],
    )
    def test_a_value_of_the_wrong_kind(self, url: str, options: dict[str, Any]) -> None:
        with pytest.raises(InvalidInputError, match="|".join(options)) as caught:
            lodestore.open(url, **options)
        assert "canary" not in str(caught.value)

    def test_what_is_right_is_taken(self, tmp_path: Path) -> None:
        for url in (
            "redis://h/3?db=3",
            "redis://h?db=3",
            "redis://h/",
            "redis+cluster://a,b/0",
            "unix:///run/r.sock?db=2",
        ):
            registry.backend(url)
        registry.backend("postgresql://%2Frun%2Fpostgresql/db")
        registry.backend("postgresql://h/db", sslrootcert=tmp_path / "x.pem", pool_size=2.0)

    def test_where_the_store_is_is_no_setting(self) -> None:
        for url in ("redis://h", "postgresql://h/db", "sqlite:///a.db", "file:///a"):
            with pytest.raises(InvalidInputError) as caught:
                lodestore.open(f"{url}?nonsense=1")
            listed = str(caught.value).partition("There are: ")[2].split(", ")
            assert listed
            assert not {"url", "path", "root"} & set(listed)
