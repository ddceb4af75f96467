"""The lock on a directory stays what the next who wants it finds."""

from pathlib import Path

import pytest

from omnimemd.system.errors import AlreadyRunning, PlaceRefused
from omnimemd.system.lock import Lock


def test_a_lock_that_was_removed_is_taken_again_in_its_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    lock = Lock(folder / "omnimemd.lock", protects="it", socket=tmp_path / "s")
    assert not lock.renew()

    lock.path.unlink()
    assert lock.renew()
    with pytest.raises(AlreadyRunning):
        Lock(lock.path, protects="it", socket=tmp_path / "s")

    folder.rename(tmp_path / "away")
    with pytest.raises(PlaceRefused):
        lock.renew()
    folder.mkdir()
    with pytest.raises(PlaceRefused):
        lock.renew()
    assert list(folder.iterdir()) == []
    lock.release()
