"""How JupyterLab is started for this course. Standard library only.

Beside it, in ``jupyterlab/``: overrides.json, the course's own defaults of JupyterLab's settings (the reader's own
settings go before them); workspace.json, the arrangement of the window at the first start; and an extension that
adds a style sheet.
"""

import os
import sys
from pathlib import Path

from bigmodel.lab.course import COPIES, write
from bigmodel.lab.environment import ROOT

SETTINGS = Path(__file__).parent / "jupyterlab"
WORKSPACES = COPIES / ".jupyterlab"
# JupyterLab's own name for the arrangement called default.
DEFAULT = "default-37a8.jupyterlab-workspace"


def command(page: Path, port: int | None, no_browser: bool) -> list[str]:
    """The words that start JupyterLab on a page."""
    if not (WORKSPACES / DEFAULT).exists():
        write(WORKSPACES / DEFAULT, (SETTINGS / "workspace.json").read_text(encoding="utf-8"))
    words = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}"]
    words += [f"--LabApp.default_url=/lab/tree/{page.relative_to(ROOT).as_posix()}"]
    words += [f"--LabApp.app_settings_dir={SETTINGS}", f"--LabApp.workspaces_dir={WORKSPACES}"]
    words += [f"--LabApp.extra_labextensions_path={SETTINGS / 'extensions'}"]
    # Nothing in the terminal that frightens: encrypted kernels, and errors alone.
    words += ["--KernelManager.transport_encryption=auto", "--log-level=ERROR", "--LabApp.log_level=ERROR"]
    words += ["--no-browser"] if no_browser else []
    words += [f"--ServerApp.port={port}"] if port else []
    words += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return words
