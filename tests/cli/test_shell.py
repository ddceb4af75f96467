"""`omnimem shell init`: scripts that a shell can read, whatever our own paths are. The rest is in tests/e2e."""

import pytest

from tests.cli.home import Home

_ODD = "/x y/it's/$HOME/\\\\n`a`/s.sock"


@pytest.mark.parametrize("shell", [pytest.param(one, marks=pytest.mark.needs(one)) for one in ("bash", "zsh", "fish")])
class TestScript:
    def test_the_shell_can_read_it(self, running: Home, shell: str) -> None:
        script = running.omnimem("shell", "init", shell)

        read = running.run([shell, "-n"], stdin=script.out)

        assert script.status == 0
        assert (read.status, read.err) == (0, "")

    def test_a_path_is_one_word_whatever_is_in_it(self, running: Home, shell: str) -> None:
        script = running.omnimem("shell", "init", shell, "--socket", _ODD).out
        (line,) = [one.strip() for one in script.splitlines() if "it" in one and "s.sock" in one]
        shown = running.run([shell, "-c", f'{line.removeprefix("local ")}; printf %s "$socket"'])

        assert (shown.out, shown.err) == (_ODD, "")


def test_another_shell_is_wrong_usage(running: Home) -> None:
    done = running.omnimem("shell", "init", "tcsh")

    assert done.status == 2
    assert "bash" in done.err
