"""Downloads, against a server on this machine that can be told to misbehave."""

import hashlib
import http.server
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from bigmodel import download as module
from bigmodel.download import cache_folder, download

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/elsewhere.bin")
            self.end_headers()
            return
        if server.status:
            self.send_error(server.status)
            return
        wanted = self.headers.get("Range") if server.ranges else None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        start = 0 if server.starts_over else start
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header(
                "Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}"
            )
        if server.says_length:
            self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        body = server.content[start : server.stops_at]
        server.served += len(body)  # before the client can have it, so that a test counts it in time
        self.wfile.write(body)
        if server.stops_at:
            self.wfile.flush()
            server.stopped.set()
            server.go_on.wait(30)
        if server.resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.status = self.stops_at = None
        self.ranges = self.says_length = True
        self.resets = self.starts_over = False
        self.requests = []
        self.served = 0
        self.stopped, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.url = f"http://127.0.0.1:{self.server_port}/stories.txt"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def handle_error(self, request, client_address):
        pass  # clients that vanish are what is tested here

    def stop(self):
        self.go_on.set()
        self.shutdown()
        self.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    running = Server()
    yield running
    running.stop()


def parts(folder):
    return [path for path in Path(folder).iterdir() if path.suffix == ".part"]


def interrupt(server, folder, after=100_000):
    """Leave a part of so many bytes, by a connection that ends early."""
    server.stops_at = after
    with pytest.raises(
        ConnectionError, match=f"ended after {after:,} of 300,000 bytes.*kept.*run this again"
    ):
        download(server.url, SHA256, folder)
    server.stops_at = None
    server.requests.clear()
    server.served = 0


def test_a_download_is_whole_under_a_name_that_says_what_it_is(server, tmp_path):
    path = download(server.url, SHA256.upper(), tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert path.name == f"{SHA256[:12]}-stories.txt"
    assert list(path.parent.iterdir()) == [path]


def test_it_is_used_offline_afterwards_without_any_connection(server, tmp_path):
    path = download(server.url, SHA256, tmp_path)
    assert download(server.url, SHA256, str(tmp_path)) == path
    assert len(server.requests) == 1
    server.stop()
    assert download(server.url, SHA256, tmp_path) == path


def test_a_truncated_download_is_kept_and_continued(server, tmp_path):
    interrupt(server, tmp_path)
    assert [part.read_bytes() for part in parts(tmp_path)] == [CONTENT[:100_000]]
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT
    assert server.requests == [("/stories.txt", "bytes=100000-")]
    assert server.served == 200_000
    assert parts(tmp_path) == []


def test_a_redirect_is_followed_and_still_continued(server, tmp_path):
    interrupt(server, tmp_path)
    (part,) = parts(tmp_path)
    part.rename(tmp_path / f"{SHA256[:12]}-moved.txt.part")
    download(server.url.replace("stories", "moved"), SHA256, tmp_path)
    assert server.requests[-1] == ("/elsewhere.bin", "bytes=100000-")


def test_a_server_that_ignores_ranges_is_read_from_the_start(server, tmp_path):
    interrupt(server, tmp_path)
    server.ranges = False
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT
    assert server.served == 300_000


def test_a_server_that_sends_another_range_than_asked_is_believed(server, tmp_path):
    interrupt(server, tmp_path)
    server.starts_over = True
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT


def test_a_server_that_does_not_say_the_length_is_fine(server, tmp_path):
    server.says_length = False
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT


def test_a_broken_connection_is_continued(server, tmp_path):
    server.stops_at, server.resets = 100_000, True
    with pytest.raises(ConnectionError, match=r"kept.*run this again"):
        download(server.url, SHA256, tmp_path)
    server.stops_at, server.resets = None, False
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT


PROGRAM = "import sys; from bigmodel.download import download; download(*sys.argv[1:])"


def another_process(server, folder):
    root = str(Path(module.__file__).parents[1])
    return subprocess.Popen([sys.executable, "-c", PROGRAM, server.url, SHA256, str(folder)], cwd=root)


def test_a_killed_process_leaves_what_it_had(server, tmp_path):
    server.stops_at = 200_000
    server.go_on.clear()
    process = another_process(server, tmp_path)
    assert server.stopped.wait(60)
    while not (parts(tmp_path) and parts(tmp_path)[0].stat().st_size > 0):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()
    server.stops_at = None
    server.go_on.set()
    kept = parts(tmp_path)[0].stat().st_size
    server.served = 0
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT
    assert server.requests[-1] == ("/stories.txt", f"bytes={kept}-")
    assert server.served == 300_000 - kept


def test_a_whole_part_needs_no_connection(server, tmp_path):
    (tmp_path / f"{SHA256[:12]}-stories.txt.part").write_bytes(CONTENT)
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT
    assert server.requests == []


def test_another_file_is_refused_and_discarded(server, tmp_path):
    server.content = b"<html>Please log in</html>"
    found = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(ValueError, match=f"has the SHA-256 {found}, not {SHA256}, and was discarded.*again"):
        download(server.url, SHA256, tmp_path)
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []
    server.content = CONTENT
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "wrong", [b"x" * 1000, b"x" * 300_000, b"x" * 400_000], ids=["short", "equal", "long"]
)
def test_a_part_of_another_file_is_discarded_and_the_next_try_succeeds(server, tmp_path, wrong):
    (tmp_path / f"{SHA256[:12]}-stories.txt.part").write_bytes(wrong)
    with pytest.raises(ValueError, match="was discarded"):
        download(server.url, SHA256, tmp_path)
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT


def test_a_damaged_cache_is_mended(server, tmp_path):
    path = download(server.url, SHA256, tmp_path)
    path.write_bytes(CONTENT[:-1] + b"!")
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT
    path.write_bytes(b"")
    server.stop()
    with pytest.raises(ConnectionError, match="cannot be reached"):
        download(server.url, SHA256, tmp_path)


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_a_refusal_names_its_status(server, tmp_path, status):
    server.status = status
    with pytest.raises(ConnectionError, match=rf"stories.txt answered {status} \w+.*check the address"):
        download(server.url, SHA256, tmp_path)


def test_without_a_network_what_has_come_is_kept(server, tmp_path):
    interrupt(server, tmp_path)
    server.stop()
    with pytest.raises(ConnectionError, match=r"cannot be reached \(.+\): connect to the internet.*kept"):
        download(server.url, SHA256, tmp_path)
    assert [part.read_bytes() for part in parts(tmp_path)] == [CONTENT[:100_000]]


def test_several_threads_download_it_once(server, tmp_path):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(download(server.url, SHA256, tmp_path)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 5
    assert {path.read_bytes() for path in results} == {CONTENT}
    assert server.served == len(CONTENT)


def test_several_processes_download_it_once(server, tmp_path):
    processes = [another_process(server, tmp_path) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert (tmp_path / f"{SHA256[:12]}-stories.txt").read_bytes() == CONTENT
    assert server.served == len(CONTENT)


def test_a_full_disk_is_said_and_nothing_is_lost(server, tmp_path):
    resource = pytest.importorskip("resource")  # a limit on the size of files fails as a full disk does
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        with pytest.raises(OSError, match=r"cannot be stored \(.+\): make room.*kept"):
            download(server.url, SHA256, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    kept = parts(tmp_path)[0].stat().st_size
    assert 0 < kept <= 150_000
    assert download(server.url, SHA256, tmp_path).read_bytes() == CONTENT
    assert server.requests[-1] == ("/stories.txt", f"bytes={kept}-")


def test_a_folder_that_cannot_be_made_is_refused(server, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match=r"cannot be stored.*another folder"):
        download(server.url, SHA256, tmp_path / "file" / "folder")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x.org/a",
        "ftp://x.org/a",
        "file:///etc/passwd",
        "/etc/passwd",
        "http://",
        "http://a b/c",
        "http://[::1/",
    ],
)
def test_only_web_addresses_are_taken(tmp_path, url):
    with pytest.raises(ValueError, match=r"takes an address such as https://.*, not"):
        download(url, SHA256, tmp_path)


@pytest.mark.parametrize("sha256", ["", "abc", SHA256[:-1], SHA256 + "0", "g" * 64, SHA256 + "\n"])
def test_a_hash_that_is_none_is_refused(tmp_path, sha256):
    with pytest.raises(ValueError, match="64 hexadecimal digits, not"):
        download("http://127.0.0.1:1/a", sha256, tmp_path)


@pytest.mark.parametrize("name", ["全唐诗 三百首.txt", "a%20b.txt", "..%2F..%2Fpasswd", "", "x" * 300])
def test_any_address_gives_a_safe_name(server, tmp_path, name):
    url = server.url.replace("stories.txt", name)
    path = download(url, SHA256, tmp_path)
    assert path.parent == tmp_path
    assert path.read_bytes() == CONTENT


def test_the_bar_starts_where_the_download_goes_on(server, tmp_path, monkeypatch):
    seen = []

    class Bar(nullcontext):
        def __init__(self, total, **options):
            super().__init__(self)
            seen.append({"total": total, **options})

        def update(self, n):
            seen.append(n)

    interrupt(server, tmp_path)
    monkeypatch.setattr(module, "progress_bar", Bar)
    download(server.url, SHA256, tmp_path)
    assert (seen[0]["initial"], seen[0]["total"]) == (100_000, 300_000)
    assert sum(seen[1:]) == 200_000


def test_where_nothing_can_move_nothing_is_printed(server, tmp_path, capfd):
    download(server.url, SHA256, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_the_default_folder_is_in_the_readers_home(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    path = download(server.url, SHA256)
    assert path.parent == cache_folder()
    assert tmp_path in path.parents
    assert os.path.basename(path.parent) in ("bigmodel", "Cache")
