"""The peak memory of the processes that this one starts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def high_water(process: int | str) -> int:
    """Return the peak memory of a process that runs, in KiB; 0 where it has ended."""
    try:
        said = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in said.splitlines() if line.startswith("VmHWM")), 0)


@contextmanager
def watched() -> Iterator[list[int]]:
    """Look at the peak memory of this process' children, from time to time; yields the list to which the peaks are added.

    RUSAGE_CHILDREN would say more than there was: it begins with the memory that this process had when it started them.
    """
    peaks, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            children = Path("/proc/self/task").glob("*/children")
            peaks.extend(high_water(child) for path in children for child in path.read_text(encoding="utf-8").split())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()
