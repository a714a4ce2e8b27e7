"""Running a program of somebody else's: in an empty folder, watched, and shut off where the system can do that.

Shut off means bubblewrap (``bwrap``, Linux): the program sees Python and the course, read-only, and a small folder in
memory; no other file, no network, no other process. Elsewhere a program can only be watched: `isolates` says which.
"""

import os
import shutil
import site
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from bigmodel.lab.environment import ROOT

INSIDE = "/tmp/work"  # the empty folder, as the program sees it
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/nix/store", "/etc/alternatives", "/etc/ld.so.cache")
PASSED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")  # nothing else of the caller's environment: it may hold secrets


@dataclass(frozen=True)
class Limits:
    """What a program may use before it is stopped.

    Args:
        seconds: from start to end.
        silence: seconds between two lines of what it reports, once it has begun to.
        memory: bytes, of it and of all that it starts together.
        report: bytes that it reports.
        files: bytes that it writes into its folder.
        processes: that it starts.
    """

    seconds: float = 120
    silence: float = 40
    memory: int = 2 * 2**30
    report: int = 2**20
    files: int = 256 * 2**20
    processes: int = 32


def isolates() -> bool:
    """Whether this system can shut a program off; tried, not guessed: containers often forbid it."""
    if not shutil.which("bwrap"):
        return False
    trial = [*shut_off(Limits()), sys.executable, "-c", "pass"]
    try:
        return not subprocess.run(trial, env=environment(INSIDE), capture_output=True, timeout=30).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


def shut_off(limits: Limits, hidden: Path | None = None) -> list[str]:
    """The words before a command that shut it off; ``hidden`` is empty inside, wherever it lies."""
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    words += ["--size", str(limits.files), "--tmpfs", "/tmp"]  # first, for this checkout may lie in it
    for path in (*SYSTEM, *python_folders(), str(ROOT / "bigmodel")):
        words += ["--ro-bind-try", path, path]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(limits.files), "--tmpfs", "/dev/shm"]
    if hidden is not None and any(hidden.is_relative_to(path) for path in (*SYSTEM, *python_folders())):
        words += ["--tmpfs", str(hidden)]
    return [*words, "--dir", INSIDE, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", INSIDE, "--"]


def python_folders() -> list[str]:
    """Where this Python and its packages lie, and where links lead."""
    found = [sys.prefix, sys.base_prefix]
    found += [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return list(dict.fromkeys([*found, *(os.path.realpath(path) for path in found)]))


def environment(folder: str) -> dict[str, str]:
    """The environment variables of a program: this checkout's package, one thread, pictures for nobody."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR", "IPYTHONDIR"), folder)
    return kept | own | {
        "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "BIGMODEL_STATIC": "1", "TQDM_DISABLE": "1",
    }  # fmt: skip


def watch(
    command: list[str], job: bytes, limits: Limits, heard: Callable[[bytes], None], shut: bool, hidden: Path,
    stop: threading.Event,
) -> str | None:  # fmt: skip
    """Run a program that reads a job from its input and reports in lines; returns why it was stopped, or None.

    Args:
        command: the program.
        job: what it reads.
        limits: what it may use.
        heard: called with each line that it reports.
        shut: shut it off; otherwise it is only watched.
        hidden: a folder that it must not see.
        stop: set to end it.
    """
    with tempfile.TemporaryDirectory(prefix="bigmodel-grade-", ignore_cleanup_errors=True) as empty:
        words = [*shut_off(limits, hidden), *command] if shut else command
        process = subprocess.Popen(
            words, cwd=empty, env=environment(INSIDE if shut else empty), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            return Watch(process, limits, stop).until_it_ends(job, heard)
        finally:
            end(process)


class Watch:
    """One program under watch."""

    def __init__(self, process: subprocess.Popen[bytes], limits: Limits, stop: threading.Event) -> None:
        self.process, self.limits, self.stop = process, limits, stop
        self.lines: list[bytes] = []
        self.size, self.last = 0, time.monotonic()

    def until_it_ends(self, job: bytes, heard: Callable[[bytes], None]) -> str | None:
        """Feed, listen and measure; returns why the program has to be stopped, or None when it has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        threading.Thread(target=give, args=(self.process.stdin, job), daemon=True).start()
        listener = threading.Thread(target=self.listen, args=(self.process.stdout,), daemon=True)
        listener.start()
        begun, reason = time.monotonic(), None
        while listener.is_alive() and self.process.poll() is None and reason is None:
            listener.join(0.2)
            reason = self.too_much(begun) if listener.is_alive() else None
        listener.join(0 if reason else 5)
        while self.lines:
            heard(self.lines.pop(0))
        return reason

    def listen(self, source: IO[bytes]) -> None:
        """Take lines as they come, and no more than is allowed."""
        while self.size <= self.limits.report and (line := source.readline(self.limits.report)):
            self.size += len(line)
            self.lines.append(line)
            self.last = time.monotonic()

    def too_much(self, begun: float) -> str | None:
        """What the program has used up, in words, or None."""
        now, limits = time.monotonic(), self.limits
        memory, processes = used(self.process.pid)
        if self.size > limits.report:
            return "it wrote too much where its results are read"
        if memory > limits.memory:
            return f"it took more than {limits.memory / 2**30:.1f} GB of memory"
        if processes > limits.processes:
            return f"it started more than {limits.processes} processes"
        if self.size and now - self.last > limits.silence:
            return f"it ran for more than {limits.silence:.0f} seconds"
        if now - begun > limits.seconds or self.stop.is_set():
            return "the time for the whole notebook was over"
        return None


def give(target: IO[bytes], job: bytes) -> None:
    """Write the job, unless the program has ended."""
    with suppress(OSError):
        target.write(job)
        target.close()


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    with suppress(psutil.Error):
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    return []


def used(pid: int) -> tuple[int, int]:
    """Bytes of memory that a process and all that it started hold, and how many they are."""
    members, memory = family(pid), 0
    for each in members:
        with suppress(psutil.Error):
            memory += each.memory_info().rss
    return memory, len(members)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    for each in reversed(family(process.pid)):
        with suppress(psutil.Error):
            each.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    if process.stdout:
        process.stdout.close()
