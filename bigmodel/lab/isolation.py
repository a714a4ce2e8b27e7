"""Running a program of somebody else's: in an empty folder, and shut off where the system can do that.

Shut off means bubblewrap (``bwrap``, Linux): the program sees Python and the course, read-only, and a small folder in
memory; no other file, no network, no other process. Elsewhere it can do what its user can.
"""

import os
import shutil
import site
import subprocess
import sys
import tempfile
from pathlib import Path

from bigmodel.lab.environment import ROOT

INSIDE = "/tmp/work"  # the empty folder, as the program sees it
FILES = 256 * 2**20  # bytes that the program may write
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/nix/store", "/etc/alternatives", "/etc/ld.so.cache")
PASSED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")  # nothing else of the caller's environment: it may hold secrets


def isolates() -> bool:
    """Whether this system can shut a program off; tried, not guessed: containers often forbid it."""
    return bool(shutil.which("bwrap")) and run(["-c", "print(1)"], b"", True, Path(INSIDE), 30) == b"1\n"


def run(words: list[str], given: bytes, shut: bool, hidden: Path, seconds: float) -> bytes:
    """What ``python WORDS`` prints in the time allowed; if it is shut off, it does not see the folder ``hidden``."""
    with tempfile.TemporaryDirectory(prefix="bigmodel-", ignore_cleanup_errors=True) as empty:
        before = shut_off(hidden) if shut else []
        try:
            return subprocess.run(
                [*before, sys.executable, *words], input=given, cwd=empty, env=environment(INSIDE if shut else empty),
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=seconds,
            ).stdout  # fmt: skip
        except subprocess.TimeoutExpired as late:
            return late.stdout or b""


def shut_off(hidden: Path) -> list[str]:
    """The words before a command that shut it off; ``hidden`` is empty inside, wherever it lies."""
    python = [sys.prefix, sys.base_prefix, *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    seen = dict.fromkeys([*SYSTEM, *python, *map(os.path.realpath, python)])
    words = ["bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    words += ["--size", str(FILES), "--tmpfs", "/tmp"]  # first, for this checkout may lie in it
    for path in (*seen, str(ROOT / "bigmodel")):
        words += ["--ro-bind-try", path, path]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", str(FILES), "--tmpfs", "/dev/shm"]
    words += ["--dev-bind", "/dev/null", "/dev/tty"]  # nothing can be typed into the caller's terminal
    words += ["--tmpfs", str(hidden)] if any(hidden.is_relative_to(path) for path in seen) else []
    return [*words, "--dir", INSIDE, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", INSIDE, "--"]


def environment(folder: str) -> dict[str, str]:
    """The environment variables of a program: this checkout's package, one thread, pictures for nobody."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    own = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR", "IPYTHONDIR"), folder)
    return kept | own | {
        "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "BIGMODEL_STATIC": "1", "TQDM_DISABLE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }  # fmt: skip
