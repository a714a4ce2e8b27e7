"""A file is written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from bigmodel import files
from bigmodel.files import write_whole


def test_the_file_holds_exactly_the_data_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "数据.bin"
    write_whole(path, b"old")
    write_whole(str(path), memoryview(b"new and longer"))
    assert path.read_bytes() == b"new and longer"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_what_fails_on_the_way_leaves_the_old_file_and_no_temporary_one(
    failure: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(type(failure)):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="/dev/full is a Linux device")
def test_a_device_that_is_really_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = open
    monkeypatch.setattr(files, "open", lambda *_: real_open("/dev/full", "wb"), raising=False)
    with pytest.raises(OSError, match="no room on the disk"):
        write_whole(tmp_path / "x", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere, create it first"):
        write_whole(tmp_path / "nowhere" / "x.json", b"")
    with pytest.raises(OSError, match="it is a folder, give the name of a file"):
        write_whole(tmp_path, b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"there is no folder .*file, create it first"):
        write_whole(tmp_path / "file" / "x", b"")


@pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")
def test_a_link_stays_a_link_and_the_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "real").stat().st_mode == (tmp_path / "other").stat().st_mode
