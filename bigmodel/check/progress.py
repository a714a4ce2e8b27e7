"""What a reader has asked for and solved, remembered beside their notebooks."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from bigmodel.check.speech import in_notebook
from bigmodel.display import is_static
from bigmodel.files import write_whole

FILE = "progress.json"
Progress = dict[str, dict[str, dict[str, Any]]]


def solved(folder: Path) -> Progress:
    """Read notebook → exercise → {"hints": asked for, "tries": checked, "solved": whether}; {} where there is none.

    A notebook is named as its module in ``bigmodel.check`` is: ``attention`` for ``07_attention.ipynb``.
    """
    try:
        progress = json.loads((Path(folder) / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # none yet, or one that somebody else has written
        return {}
    return progress if isinstance(progress, dict) else {}


def remember(notebook: str, exercise: str, hints: int = 0, tries: int = 0, solved_now: bool = False) -> None:
    """Add to the file in the working folder; not in tests, not outside a notebook, and never in a reader's way."""
    if is_static() or not in_notebook():
        return
    progress = solved(Path())
    entry = progress.setdefault(notebook, {}).setdefault(exercise, {"hints": 0, "tries": 0, "solved": False})
    entry["hints"] = max(entry["hints"], hints)
    entry["tries"] += tries
    entry["solved"] = entry["solved"] or solved_now
    with suppress(OSError):  # a folder that nobody may write to: the check still counts
        write_whole(FILE, json.dumps(progress, indent=1, sort_keys=True).encode())
