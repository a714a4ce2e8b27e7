"""The course's Python environment: is it complete, and if not, make it so.

Standard library only: this runs before anything is installed. An environment that has what a command needs is used
as it is, whoever made it; otherwise the course makes its own, in ``.venv`` at the root of the repository.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata, util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LEARNING = ROOT / "requirements.txt"
BOOK = ROOT / "site" / "requirements.txt"  # what the book needs besides
TESTING = ROOT / "tests" / "requirements.txt"  # what the tests need besides
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


def pins(requirements: Path) -> dict[str, str]:
    """Name and version of every package that a file of requirements pins; none where there is no such file."""
    lines = requirements.read_text(encoding="utf-8").splitlines() if requirements.exists() else []
    return dict(line.strip().split("==") for line in lines if "==" in line and not line.startswith("#"))


def installed(name: str) -> str | None:
    """The version installed, without a local part such as +cpu, or None."""
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def ready(requirements: Path, exact: bool) -> bool:
    """Whether this environment has what the file asks for, whole and, if ``exact``, in the versions pinned."""
    there = {name: installed(name) for name in pins(requirements)}
    right = there == pins(requirements) if exact else all(there.values())
    return right and not unfinished(requirements).exists()


def unfinished(requirements: Path) -> Path:
    """The file that exists while the requirements are being installed, and stays if that was cut short."""
    return Path(sys.prefix) / f"unfinished-{requirements.parent.name}-{requirements.name}"


def inside_venv() -> bool:
    """Whether this Python is the one of the course's own environment.

    The interpreter's real path is that of the base Python even there, so prefixes are compared.
    """
    return VENV.exists() and os.path.samefile(sys.prefix, VENV)


def enter(arguments: Sequence[str]) -> int:
    """Run the same command inside ``.venv``, made first if it is not there, and return its exit status.

    Raises:
        ValueError: that environment cannot be made, or does not start.
    """
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if Path(sys.executable) == python:
        raise ValueError(f"the environment {VENV} is broken: delete that folder and start again.")
    if not python.exists():
        if platform.system() == "Darwin" and platform.machine() == "x86_64":
            raise ValueError("PyTorch no longer runs on Intel Macs, nor in an Intel build of Python on newer ones.")
        say(f"Making an environment for the course in {VENV}")
        if call([sys.executable, "-m", "venv", "--clear", VENV]) or not python.exists():
            raise ValueError(f"the environment {VENV} could not be made, for the reason given above.")
    return call([python, "-X", "utf8", "-m", "bigmodel", *arguments])


def install(requirements: Path) -> None:
    """Install a file of requirements into the running environment; the next start completes what was cut short.

    Raises:
        ValueError: pip fails.
    """
    say(f"Installing {requirements.relative_to(ROOT)} (once; it takes a minute or some)")
    unfinished(requirements).touch()
    if util.find_spec("pip") is None:  # a start that was cut short before it was there
        python("-m", "ensurepip")
    torch = pins(requirements).get("torch")
    if torch and takes_cpu_wheel():
        options = ["--no-deps", "--retries", "2", "--timeout", "20", "--index-url", CPU_WHEELS]
        if python("-m", "pip", "install", *options, f"torch=={torch}"):
            say("The build of torch without CUDA could not be fetched: taking the general one, which is larger.")
    if python("-m", "pip", "install", "-r", str(requirements)):
        raise ValueError("pip failed, for the reason that it gives above. Start again to continue.")
    unfinished(requirements).unlink()


def takes_cpu_wheel() -> bool:
    """On Linux the general torch brings several GB of CUDA; without an NVIDIA driver they are dead weight."""
    nvidia = shutil.which("nvidia-smi") or Path("/proc/driver/nvidia").exists()
    return sys.platform == "linux" and platform.machine() == "x86_64" and not nvidia and not installed("torch")


def python(*words: str) -> int:
    """Run this Python for one step of an installation, all its words to stderr, and return its exit status."""
    environment = {**child_environment(), "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    return subprocess.run([sys.executable, *words], env=environment, cwd=ROOT, stdout=2).returncode


def child_environment() -> dict[str, str]:
    """Environment variables for the programs started from here: this checkout first, UTF-8 everywhere."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUTF8": "1"}


def share_cores() -> None:
    """Have the threads of this process, and of those started from it, sleep while they wait for one another.

    By default they turn in circles instead, which takes a core from the other programs, and so from us. A short turn
    before they sleep costs a busy machine nothing, and keeps an idle one quick. A reader's own OMP_WAIT_POLICY
    stays as it is, and nothing is set besides. Both are read when torch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


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


def say(line: str) -> None:
    """One line of progress."""
    print(line, file=sys.stderr, flush=True)
