"""A file from the internet, fetched once, checked by its SHA-256, and used offline from then on."""

import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import Request, urlopen

from bigmodel.display import progress_bar


def cache_folder() -> Path:
    """The folder in which this system keeps downloads that can be made again."""
    if sys.platform == "win32":
        return Path.home() / "AppData" / "Local" / "bigmodel" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "bigmodel"
    return Path.home() / ".cache" / "bigmodel"


def download(url: str, sha256: str, folder: str | Path | None = None) -> Path:
    """The file at an http(s) address, fetched once into `folder` and checked against its SHA-256 every time.

    What is there and whole is used without any connection. An interrupted download is kept beside it (".part")
    and continued by the next call; only a whole file gets the final name. Of several processes that want the
    same file, one downloads it and the others wait for it. `folder` is `cache_folder()` unless given.

    Raises ValueError for an address or a hash that is none, or a file with another hash (which is discarded),
    ConnectionError when the file cannot be had now, OSError when it cannot be stored.
    """
    if not re.match(r"https?://[a-z0-9._-]+(:\d+)?(/|$)", url, re.ASCII | re.IGNORECASE):
        raise ValueError(f"download takes an address such as https://example.org/text.txt, not {url!r}.")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256 is the file's hash in 64 hexadecimal digits, not {sha256!r}.")
    path = (Path(folder).expanduser() if folder else cache_folder()) / _file_name(url, sha256)
    try:
        _bring(url, sha256.lower(), path)
    except ConnectionError:
        raise
    except OSError as error:
        raise type(error)(
            f"{path} cannot be stored ({error.strerror}): make room for it or choose another folder, "
            "and run this again; what has come so far is kept."
        ) from None
    return path


def _bring(url: str, sha256: str, path: Path) -> None:
    """Make `path` hold the file with this hash: from the cache, from a finished part, or from its address."""
    if _sha256(path) == sha256:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(path.with_name(path.name + ".lock")):
        if _sha256(path) == sha256:  # another process brought it while this one waited
            return
        part = path.with_name(path.name + ".part")
        if _sha256(part) != sha256:
            _fetch(url, part)
        if (found := _sha256(part)) != sha256:
            part.unlink(missing_ok=True)
            raise ValueError(
                f"What came from {url} has the SHA-256 {found}, not {sha256}, and was discarded: run this "
                "again, and if that repeats, the address holds another file now."
            )
        os.replace(part, path)


def _file_name(url: str, sha256: str) -> str:
    """The name a download is kept under: readable, safe on every system, one for each content."""
    name = re.sub(r"[^\w.-]+", "_", unquote(urlsplit(url).path).rsplit("/", 1)[-1])
    return f"{sha256[:12].lower()}-{name[-80:] or 'download'}"


def _sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal digits; "" if there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


def _fetch(url: str, part: Path) -> None:
    """Download into `part`, going on where it ends if the server can."""
    already = part.stat().st_size if part.exists() else 0
    response = _open(url, already)
    if response is None:
        return
    with response:
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {already}-")
        start = already if response.status == 206 and resumed else 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        bar = progress_bar(total, initial=start, unit="B", unit_scale=True, desc=part.stem)
        with bar, part.open("ab" if start else "wb") as file:
            for chunk in _chunks(response, url):
                file.write(chunk)
                bar.update(len(chunk))
    size = part.stat().st_size
    if total is not None and size < total:
        raise ConnectionError(
            f"The connection to {url} ended after {size:,} of {total:,} bytes: what has come so far is kept, "
            "so run this again to fetch the rest."
        )


def _open(url: str, start: int) -> HTTPResponse | None:
    """The server's answer with the file from byte `start` on; None if it has no byte beyond that."""
    headers = {"User-Agent": "bigmodel", **({"Range": f"bytes={start}-"} if start else {})}
    request = Request(quote(url, safe="%/:=&?~#+!$,;'@()*[]"), headers=headers)
    try:
        return urlopen(request, timeout=30)
    except HTTPError as error:
        error.close()
        if error.code == 416:
            return None
        raise ConnectionError(
            f"{url} answered {error.code} {error.reason}: check the address, or try again later."
        ) from None
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise ConnectionError(
            f"{url} cannot be reached ({reason}): connect to the internet and run this again; "
            "what has come so far is kept."
        ) from None


def _chunks(response: HTTPResponse, url: str) -> Iterator[bytes]:
    """What the server sends, piece by piece."""
    try:
        while chunk := response.read(1 << 16):
            yield chunk
    except (OSError, HTTPException) as error:
        raise ConnectionError(
            f"The connection to {url} broke ({error}): what has come so far is kept, "
            "so run this again to fetch the rest."
        ) from None


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Let one process at a time into the block; the system frees the lock of a process that dies."""
    with lock.open("ab") as file:
        while not _locked(file):
            time.sleep(0.1)
        yield
    with suppress(OSError):  # only after success: who then waits for the lost lock finds the file there
        lock.unlink()


def _locked(file: IO[bytes]) -> bool:
    """Whether the lock on an open file could be taken now; closing the file gives it back."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
