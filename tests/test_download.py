"""Downloads, against a server on this machine."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pooch
import pytest

from bigmodel import text
from bigmodel.text import download

CONTENT = b"Tom ran.<|endoftext|>Mia hid." * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / name)
    return tmp_path / "bigmodel"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A server that sends ``content`` with ``status``, and announces ``length`` bytes."""
    monkeypatch.setenv("no_proxy", "*")
    state = SimpleNamespace(content=CONTENT, status=200, length=len(CONTENT), requests=0)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests += 1
            self.send_response(state.status)
            self.send_header("Content-Length", str(state.length))
            self.end_headers()
            self.wfile.write(state.content)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        state.url = f"http://127.0.0.1:{running.server_port}/stories.txt"
        state.stop = running.shutdown
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield state
        running.shutdown()


def test_a_file_is_fetched_once_and_used_without_a_connection_from_then_on(server, cache):
    path = download(server.url, SHA256.upper())
    assert path.read_bytes() == CONTENT
    server.stop()
    assert download(server.url, SHA256) == path
    assert server.requests == 1
    assert list(cache.iterdir()) == [path]


def test_a_file_that_was_damaged_since_is_fetched_again(server, cache):
    path = download(server.url, SHA256)
    path.write_bytes(b"damaged")
    assert download(server.url, SHA256).read_bytes() == CONTENT


def test_another_file_is_refused_and_nothing_is_kept(server, cache):
    with pytest.raises(ValueError, match=f"stories.txt has not the SHA-256 {'0' * 64}, and is not kept"):
        download(server.url, "0" * 64)
    assert list(cache.iterdir()) == []


def test_a_download_that_ends_early_is_refused_and_nothing_is_kept(server, cache):
    server.content = CONTENT[:1000]
    with pytest.raises(ConnectionError, match=r"stories.txt cannot be reached .*run this again"):
        download(server.url, SHA256)
    assert list(cache.iterdir()) == []


def test_an_answer_that_is_an_error_is_named(server, cache):
    server.status = 404
    with pytest.raises(ConnectionError, match=r"stories.txt answered 404 .*check the address"):
        download(server.url, SHA256)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.txt", "no address", "ftp://127.0.0.1/a.txt"])
def test_an_address_that_nobody_answers_is_refused_in_one_sentence(url, cache):
    with pytest.raises(ConnectionError, match=f"^{url} cannot be reached .*: check the address") as error:
        download(url, SHA256)
    assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_written_is_named(server, cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(OSError, match=r"stories.txt cannot be stored in .*bigmodel .*make room there"):
        download(server.url, SHA256)


def test_a_corpus_is_its_documents_parted_by_blank_lines(server, cache, monkeypatch):
    monkeypatch.setitem(text.CORPORA, "two", text.Corpus(server.url, SHA256, "<|endoftext|>"))
    assert text.corpus("two").startswith("Tom ran.\n\nMia hid.Tom ran.\n\n")
    with pytest.raises(ValueError, match="no corpus 'poems': choose 'tinystories' or 'shakespeare' or 'two'"):
        text.corpus("poems")


def test_every_corpus_is_pinned_to_a_revision_and_a_hash():
    for url, sha256, _ in text.CORPORA.values():
        assert url.startswith("https://")
        assert any(len(part) == 40 and set(part) <= set("0123456789abcdef") for part in url.split("/"))
        assert len(sha256) == 64
