"""Tests of the rules: pure functions, no I/O."""

from tests.support import profile

__all__ = ["profile"]
