"""Does ``python -m bigmodel`` open the course? Starts it as a newcomer does, asks it for a page, and stops it.

    python tests/opens.py

Standard library only, since it runs where nothing is installed yet; the installation is part of what it waits for.
"""

import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINUTES = 30


def main() -> None:
    """Print the seconds until JupyterLab answers; exit status 1 if it never does."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "bigmodel", "--no-browser"], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
        start_new_session=True,
    )  # fmt: skip
    limit = threading.Timer(60 * MINUTES, process.kill)
    limit.daemon = True
    limit.start()
    try:
        for line in process.stderr:
            print(line, end="", flush=True)
            if found := re.search(r"http://(?:localhost|127\.0\.0\.1):\d+/lab\S*", line):
                with urllib.request.urlopen(found[0], timeout=60) as page:
                    assert b"jupyter" in page.read().lower()
                print(f"The course is open after {time.monotonic() - began:.0f} s.", flush=True)
                return
        sys.exit("The course did not open.")
    finally:
        stop(process)


def stop(process: subprocess.Popen[str]) -> None:
    """End the program and those that it started."""
    if os.name == "nt":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], check=False)
    else:
        os.killpg(process.pid, 9)
    process.wait()


if __name__ == "__main__":
    main()
