"""The environment `scripts/dev.py` makes: once, again when it must be, and whole."""

import fcntl
import os
import re
import subprocess
import time
from collections.abc import Callable

import pytest

from scripts.dev import GATES
from tests.contracts.small_checkout import SmallCheckout

pytestmark = pytest.mark.slow

#: Makes a Python look as if some modules were not installed; the pip an environment brings itself is seen.
HIDE = """
import importlib.util, sys
hidden = {hidden} if sys.prefix == sys.base_prefix else set({hidden}) - {{"pip"}}
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in hidden else find_spec(name)
"""


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., None]:
    """A way to hide modules from every Python that is started from now on."""

    def hide(*hidden: str) -> None:
        folder = tmp_path_factory.mktemp("hidden")
        (folder / "sitecustomize.py").write_text(HIDE.format(hidden=hidden))
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return hide


@pytest.fixture
def made(checkout: SmallCheckout) -> SmallCheckout:
    """A checkout whose environment is made."""
    done = checkout.dev("env")
    assert done.returncode == 0, done.stderr
    return checkout


def test_the_environment_is_made_once(made: SmallCheckout) -> None:
    again = made.dev("env")

    assert (again.stdout, again.stderr) == (f"{made.venv}\n", "")
    assert made.builds == 1


def test_it_holds_the_checkout_editable(made: SmallCheckout) -> None:
    code = "import backend; print(backend.__file__)"

    found = subprocess.run(
        [made.venv / "bin" / "python", "-c", code], cwd="/", check=True, capture_output=True, text=True
    )

    assert found.stdout == f"{made.root}/backend.py\n"


def test_another_pyproject_reinstalls_the_checkout_only(made: SmallCheckout) -> None:
    kept = made.venv / "kept"
    kept.touch()
    made.pyproject.write_text(made.pyproject.read_text() + "[tool.any]\n")

    made.dev("env")

    assert made.builds == 2
    assert kept.exists()


def test_other_constraints_remake_all_of_it(made: SmallCheckout) -> None:
    gone = made.venv / "gone"
    gone.touch()
    made.constraints.write_text("# nothing, differently\n")

    made.dev("env")

    assert made.builds == 2
    assert not gone.exists()


def test_it_is_remade_from_within(made: SmallCheckout, hide: Callable[..., None]) -> None:
    hide("ensurepip")  # as on Debian, where the environment can bring itself no pip
    made.constraints.write_text("# nothing, differently\n")

    done = made.dev("env", python=made.venv / "bin" / "python")

    assert done.returncode == 0, done.stderr
    assert made.builds == 2


def test_it_is_made_without_ensurepip(checkout: SmallCheckout, hide: Callable[..., None]) -> None:
    hide("ensurepip")

    done = checkout.dev("env")

    assert done.returncode == 0, done.stderr
    assert not (checkout.venv / "bin" / "pip").exists()


def test_it_is_made_without_pip(checkout: SmallCheckout, hide: Callable[..., None]) -> None:
    pytest.importorskip("ensurepip", reason="this Python can bring itself no pip")
    hide("pip")

    done = checkout.dev("env")

    assert done.returncode == 0, done.stderr


def test_a_python_with_neither_says_what_to_install(checkout: SmallCheckout, hide: Callable[..., None]) -> None:
    hide("pip", "ensurepip")

    done = checkout.dev("env")

    assert done.returncode == 1
    assert "apt install python3-pip" in done.stderr


def test_a_start_with_everything_in_place_waits_for_nobody(made: SmallCheckout) -> None:
    folder = os.open(made.root, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)

    done = made.dev("env")

    os.close(folder)
    assert done.returncode == 0


def test_two_at_once_make_one(checkout: SmallCheckout) -> None:
    both = [checkout.start("env"), checkout.start("env")]

    outcomes = [process.communicate(timeout=100) for process in both]

    assert [out for out, _ in outcomes] == [f"{checkout.venv}\n"] * 2
    assert checkout.builds == 1


def test_an_install_that_failed_says_why_and_is_done_again(checkout: SmallCheckout) -> None:
    (checkout.root / "fail").touch()

    failed = checkout.dev("env")
    (checkout.root / "fail").unlink()
    mended = checkout.dev("env")

    assert failed.returncode == 1
    assert "the disk is made of cheese" in failed.stderr
    assert re.search(r"^error: .* failed with status 1.*\nhint: ", failed.stderr, re.MULTILINE)
    assert mended.returncode == 0
    assert checkout.builds == 2


def test_an_install_that_was_killed_is_done_again(checkout: SmallCheckout) -> None:
    first = checkout.start("env")
    deadline = time.monotonic() + 60
    while not checkout.builds and time.monotonic() < deadline:
        time.sleep(0.01)

    first.kill()
    first.communicate()
    again = checkout.dev("env")

    assert again.returncode == 0, again.stderr
    assert checkout.builds == 2


def test_run_records_for_the_calling_shell(made: SmallCheckout) -> None:
    made.replace_command("omnimem", 'echo "$@"')

    assert made.dev("run").stdout == f"record . --pid {os.getpid()}\n"
    assert made.dev("run", "src").stdout == f"record src --pid {os.getpid()}\n"


@pytest.mark.parametrize(("broken", "status"), [((), 0), (("ruff",), 1), (("mypy", "pytest"), 1)])
def test_check_goes_through_every_gate(made: SmallCheckout, broken: tuple[str, ...], status: int) -> None:
    for name in ("lint-imports", "mypy", "pytest", "ruff"):
        made.replace_command(name, f"echo {name} spoke; exit {int(name in broken)}")

    done = made.dev("check")

    verdicts = re.findall(r"^(ok|FAIL) +\w+ +[\d.]+ s$", done.stdout, re.MULTILINE)
    assert (done.returncode, len(verdicts)) == (status, len(GATES))
    assert ("FAIL" in verdicts) == bool(broken)
    assert set(re.findall(r"(.*) spoke", done.stdout)) == set(broken)
