"""The set-up of every test, of a single notebook too: this checkout, no network, one thread, strict nbval."""

import os
import runpy
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent
BLOCKED = ROOT / "tests" / "blocked"

# Before torch is loaded, here or in a kernel: two threads on two busy cores are slower than one.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Linux's malloc otherwise gives the memory of large gradients back, and asks for it again, in every step.
for limit in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
    os.environ.setdefault(limit, str(2**32))
os.environ["BIGMODEL_STATIC"] = "1"
os.environ["TQDM_DISABLE"] = "1"
os.environ.pop("MPLBACKEND", None)  # kernels draw inline
signal.signal(signal.SIGINT, signal.default_int_handler)  # nohup and & in a script start us with it ignored
os.environ["PYTHONPATH"] = os.pathsep.join([str(BLOCKED), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import bigmodel  # noqa: E402

assert Path(bigmodel.__file__).parents[1] == ROOT, f"another bigmodel is installed: {bigmodel.__file__}"

import matplotlib  # noqa: E402

matplotlib.use("agg")

import matplotlib.font_manager  # noqa: E402  # builds its cache once, here: in a kernel it would say so
import nbval.plugin  # noqa: E402
import pytest  # noqa: E402
import tolerance  # noqa: E402, F401  # decimals to one unit of the last digit
from hypothesis import settings  # noqa: E402

settings.register_profile("bigmodel", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("bigmodel")


class PrivateKernel(nbval.plugin.RunningKernel):
    """A kernel that works in an empty folder of its own, with nobody's IPython settings, and leaves nothing."""

    def __init__(self, kernel_name: str, cwd: str | None = None, startup_timeout: float = 60) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="bigmodel-")
        os.environ["IPYTHONDIR"] = str(Path(self.folder.name) / ".ipython")
        super().__init__(kernel_name, cwd=self.folder.name, startup_timeout=startup_timeout)

    def stop(self) -> None:
        super().stop()
        self.folder.cleanup()


nbval.plugin.RunningKernel = PrivateKernel


def pytest_sessionstart(session: pytest.Session) -> None:
    """Block the network in this process; the processes that it starts block it themselves."""
    runpy.run_path(str(BLOCKED / "sitecustomize.py"))


# After the notebooks; CONTRIBUTING.md says how long they take.
LONG = ("check", "grade", "browser", "quality", "book", "commands", "elsewhere", "train", "benchmarks", "environment")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Notebooks first, then the files of tests that take long: no worker ends with a long one while another waits."""
    order = {f"test_{name}.py": place for place, name in enumerate(LONG, 1)}
    items.sort(key=lambda item: 0 if item.path.suffix == ".ipynb" else order.get(item.path.name, len(order) + 1))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in which files the time was spent, where there are several."""
    seconds: Counter[str] = Counter()
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        seconds[getattr(report, "nodeid", "").partition("::")[0]] += getattr(report, "duration", 0)
    if len(seconds) > 10:
        terminalreporter.section(f"slowest files, of {sum(seconds.values()):.0f} s in all")
        for name, spent in seconds.most_common(20):
            terminalreporter.line(f"{spent:6.1f} s  {name}")
