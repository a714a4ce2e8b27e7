"""The course's Python environment: is it complete, and if not, make it so.

Standard library only: this runs before anything is installed.

An environment is *ready* when every package that requirements.txt pins is installed in its version and
no installation was left half-way. One that is ready is used as it is, whoever made it; otherwise the
course makes its own, in ``.venv`` at the root of the repository.
"""

import hashlib
import os
import platform
import queue
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Sequence
from importlib import metadata, util
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
UNFINISHED = "unfinished"


class SetupError(Exception):
    """The environment cannot be made; the message is one sentence for the reader."""


def pins() -> dict[str, str]:
    """Name and version of every package that requirements.txt pins; empty outside a checkout."""
    path = ROOT / "requirements.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return dict(line.strip().split("==") for line in lines if "==" in line and not line.startswith("#"))


def needed() -> list[str]:
    """Names of the packages that the package itself imports, from pyproject.toml; empty outside a checkout."""
    path = ROOT / "pyproject.toml"
    if not path.exists():
        return []
    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return [requirement.split(">")[0] for requirement in project["dependencies"]]


def installed(name: str) -> str | None:
    """The version installed, without a local part such as +cpu, or None."""
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def missing() -> list[str]:
    """The pinned packages that this environment lacks or has in another version."""
    return [f"{name}=={version}" for name, version in pins().items() if installed(name) != version]


def stamp_file() -> Path:
    """Where an installation by the course leaves its mark."""
    return Path(sys.prefix) / "bigmodel-installed"


def stamp() -> str:
    """What the mark says after success: a hash of the files that say what to install."""
    files = (ROOT / "requirements.txt", ROOT / "pyproject.toml")
    return hashlib.sha256(b"".join(path.read_bytes() for path in files if path.exists())).hexdigest()


def finished() -> bool:
    """No installation by the course was left half-way here, or made for other requirements."""
    return not stamp_file().exists() or stamp_file().read_text(encoding="utf-8") == stamp()


def ready(exact: bool = True) -> bool:
    """Whether this environment will do: all the pins, or (not exact) what the package itself imports."""
    if exact:
        return not missing() and finished()
    return all(installed(name) for name in needed()) and (not inside_venv() or finished())


def inside_venv() -> bool:
    """Whether this Python is the one of the course's own environment.

    The interpreter's real path is that of the base Python even there, so prefixes are compared.
    """
    return VENV.exists() and os.path.samefile(sys.prefix, VENV)


def venv_python() -> Path:
    """The interpreter of the course's own environment, existing or not."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def child_environment() -> dict[str, str]:
    """Environment variables for the programs started from here: this checkout first, UTF-8 everywhere."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"}


def call(command: Sequence[str | Path]) -> int:
    """Run a program in the foreground and return its exit status.

    Ctrl-C reaches the program too, and it is the program that decides what to do with it.
    """
    process = subprocess.Popen([str(word) for word in command], env=child_environment())
    while True:
        try:
            status = process.wait()
        except KeyboardInterrupt:
            continue
        return status if status >= 0 else 128 - status


def enter(arguments: Sequence[str]) -> int:
    """Run the same command inside ``.venv``, made first if it is not there, and return its exit status.

    Raises SetupError when that environment cannot be made or does not start.
    """
    if not venv_python().exists():
        make_venv()
    elif Path(sys.executable) == venv_python():
        raise SetupError(f"the environment {VENV} is broken: delete that folder and start again.")
    return call([venv_python(), "-X", "utf8", "-m", "bigmodel", *arguments])


def make_venv() -> None:
    """Make the empty environment ``.venv``."""
    say(f"Making an environment for the course in {VENV}")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if platform.system() == "Darwin" and platform.machine() == "x86_64":
        raise SetupError(
            "PyTorch no longer runs on Intel Macs, nor in an Intel build of Python on newer ones."
        )
    try:
        result = subprocess.run(command, capture_output=True, text=True)
    except KeyboardInterrupt:
        interrupted()
    if result.returncode or not venv_python().exists():
        reason = " ".join((result.stdout + result.stderr).split()) or "no reason given"
        raise SetupError(f"the environment {VENV} could not be made: {reason}")


def install() -> None:
    """Install requirements.txt into the running environment, with progress.

    Raises SetupError when pip fails; the next start takes up where this one stopped.
    """
    say("Installing the course's packages (once; some minutes, about 1.5 GB on disk)")
    write_stamp(UNFINISHED)
    if util.find_spec("pip") is None:
        pip_or_fail("pip itself", ["-m", "ensurepip"])
    if takes_cpu_wheel():
        torch = f"torch=={pins()['torch']}"
        options = ["--no-deps", "--retries", "2", "--timeout", "20", "--index-url", CPU_WHEELS]
        if pip("torch, the build without CUDA", ["-m", "pip", "install", *options, torch])[0]:
            say("  that build could not be fetched; taking the general one, which is larger")
    pip_or_fail("requirements.txt", ["-m", "pip", "install", "-r", str(ROOT / "requirements.txt")])
    if missing():
        raise SetupError(f"pip finished, yet these are still missing: {', '.join(missing())}.")
    write_stamp(stamp())


def write_stamp(text: str) -> None:
    """Leave the installation's mark."""
    stamp_file().write_text(text, encoding="utf-8")


def takes_cpu_wheel() -> bool:
    """On Linux the general torch brings several GB of CUDA; without an NVIDIA driver they are dead weight."""
    nvidia = shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists()
    return (
        sys.platform == "linux" and platform.machine() == "x86_64" and not nvidia and not installed("torch")
    )


def pip_or_fail(what: str, arguments: list[str]) -> None:
    """One step of the installation; SetupError with pip's last words when it fails."""
    status, words = pip(what, arguments)
    if status:
        last = "\n".join("    " + line for line in words[-8:])
        raise SetupError(
            f"installing {what} failed. The last words of pip:\n{last}\nStart again to continue."
        )


def pip(what: str, arguments: list[str]) -> tuple[int, list[str]]:
    """Run ``python …`` for one step of the installation; returns its exit status and the lines it wrote."""
    command = [sys.executable, *arguments]
    environment = {**child_environment(), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    process = subprocess.Popen(
        command, env=environment, cwd=ROOT, text=True, encoding="utf-8", errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        words = follow(what, process.stdout)
        return process.wait(), words
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        interrupted()


def follow(what: str, lines: IO[str]) -> list[str]:
    """Show what pip is doing until it ends: one line that ticks on a terminal, large downloads elsewhere."""
    start, words, step = time.monotonic(), list[str](), ""
    said: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=feed, args=(lines, said), daemon=True).start()
    while True:
        try:
            line = said.get(timeout=1)
        except queue.Empty:
            line = ""
        seconds = f"{time.monotonic() - start:4.0f} s"
        if line is None:
            tick(f"  {what}: {seconds.strip()}", last=True)
            return words
        words += [line.rstrip()] if line else []
        if line.strip().startswith(("Collecting", "Downloading", "Installing", "Building", "Preparing")):
            step = line.strip()
            if not sys.stderr.isatty() and step.startswith("Downloading") and step.endswith("MB)"):
                say(f"  {seconds}  {step}")
        tick(f"  {what}: {seconds}  {step}")


def feed(lines: IO[str], said: "queue.Queue[str | None]") -> None:
    """Put every line into the queue, and None after the last."""
    for line in lines:
        said.put(line)
    said.put(None)


def tick(line: str, last: bool = False) -> None:
    """Rewrite the terminal's last line; where there is no terminal, write only what is last."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write("\r" + line[:width].ljust(width) + ("\n" if last else ""))
        sys.stderr.flush()
    elif last:
        say(line)


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)


def interrupted() -> NoReturn:
    """Ctrl-C during the set-up: say how to go on, and leave."""
    say("\nStopped. Start again with the same command to continue.")
    sys.exit(130)
