"""How much memory the daemon takes."""

import psutil


def rss_bytes() -> int:
    """Return the resident set of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)
