"""omnimemd: a small daemon that remembers what happened while somebody coded."""

from omnimem._version import __version__

__all__ = ["__version__"]
