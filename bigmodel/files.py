"""Writing a file so that a reader finds the old one or the new one whole, and never half of one."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_whole(path: str | os.PathLike[str], data: bytes | memoryview) -> None:
    """Write `data` to `path` all at once: killed at any moment, it leaves the old file or the new one.

    The bytes go to a temporary file beside `path`, reach the disk, and take its name in one step
    (`os.replace`). Two writers at once do no harm: the last one wins. Raises OSError (FileNotFoundError for
    a missing folder) with one sentence; then `path` is as it was, and the temporary file is gone.
    """
    target = Path(os.path.realpath(path))  # through a link, so that the link stays one
    temporary = target.with_name(f".bigmodel-{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise _explained(error, target, len(data)) from error
    finally:
        with suppress(OSError):  # after success it bears its new name
            temporary.unlink()


def _explained(error: OSError, target: Path, size: int) -> OSError:
    """An error of the same class whose message says what happened to `target`, and what mends it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = f"no room on the disk for {target} ({size:,} bytes): free some and try again"
    elif not target.parent.is_dir():
        message = f"cannot write {target}: there is no folder {target.parent}, create it first"
    elif target.is_dir():
        message = f"cannot write {target}: it is a folder, give the name of a file"
    else:
        message = f"cannot write {target}: {error.strerror or error}"
    explained = type(error)(message)
    explained.errno = error.errno
    return explained
