"""Tests of the use cases: real services over a real database, in a world that tests move."""

from tests.support.fixtures import data, house, workspace, world

__all__ = ["data", "house", "workspace", "world"]
