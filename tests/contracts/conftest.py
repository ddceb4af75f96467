"""Checkouts to try `scripts/dev.py` on."""

from pathlib import Path

import pytest

from tests.contracts.small_checkout import SmallCheckout


@pytest.fixture
def checkout(tmp_path: Path) -> SmallCheckout:
    """A checkout in which nothing has been made."""
    return SmallCheckout(tmp_path)
