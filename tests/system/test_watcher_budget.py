"""How many watches are taken, and what is to be raised for more."""

from pathlib import Path

import pytest

from omnimemd.system.watcher.budget import WatchBudget


def settings(proc: Path, *, machine: int | None, namespace: int | None) -> Path:
    for name, value in (("fs/inotify/max_user_watches", machine), ("user/max_inotify_watches", namespace)):
        (proc / name).parent.mkdir(parents=True, exist_ok=True)
        if value is not None:
            (proc / name).write_text(f"{value}\n")
    return proc


@pytest.mark.parametrize(
    ("machine", "namespace", "limit", "setting"),
    [
        (1000, 2147483647, 1000, "fs.inotify.max_user_watches"),
        (1000, 300, 300, "user.max_inotify_watches"),
        (1000, None, 1000, "fs.inotify.max_user_watches"),
    ],
)
def test_half_of_the_lower_limit_is_taken(
    tmp_path: Path, machine: int, namespace: int | None, limit: int, setting: str
) -> None:
    budget = WatchBudget(proc=settings(tmp_path, machine=machine, namespace=namespace))

    assert budget.limit == limit
    assert setting in budget.advice(1)
    assert [budget.left(taken) for taken in (0, limit // 2 - 1, limit // 2, limit)] == [limit // 2, 1, 0, 0]


def test_what_the_kernel_refuses_is_not_asked_for_again_until_it_is_renewed(tmp_path: Path) -> None:
    budget = WatchBudget(proc=settings(tmp_path, machine=1000, namespace=None))

    budget.refused(20)
    assert budget.left(20) == 0
    assert budget.left(15) == 5

    settings(tmp_path, machine=2000, namespace=None)
    budget.renew()
    assert budget.left(20) == 980


def test_a_kernel_that_shows_no_settings_is_no_limit(tmp_path: Path) -> None:
    assert WatchBudget(proc=tmp_path).left(1_000_000) > 0


@pytest.mark.parametrize(("wanted", "enough"), [(1, 524288), (131_072, 524288), (131_073, 1_048_576)])
def test_enough_is_suggested_for_twice_what_is_wanted_by_us(tmp_path: Path, wanted: int, enough: int) -> None:
    advice = WatchBudget(proc=settings(tmp_path, machine=100, namespace=None)).advice(wanted)

    assert f"sudo sysctl fs.inotify.max_user_watches={enough}`" in advice
    assert "/etc/sysctl.d" in advice
