"""`omnimem workspace explain`: the verdict, the sentence, the rule and the way out, for people and for programs."""

import json

from tests.cli.home import Home


def test_a_file_that_is_recorded(running: Home, session: str) -> None:
    done = running.omnimem("workspace", "explain", "new.py")

    assert (done.status, done.err) == (0, "")
    assert done.lines[0] == "recorded  ~/src/app/new.py"
    assert "Nothing is there yet, so this goes by its name. Reads and writes of it are recorded." in done.out
    assert "workspace  ~/src/app (project " in done.out


def test_a_file_that_a_rule_hides(running: Home, session: str) -> None:
    running.shell("git init --quiet sub && mkdir -p sub/out && printf '# made\\nout/\\n' > sub/.gitignore")
    running.omnimem("session", "end", session)
    running.omnimem("session", "start", "sub", "--id", session + "-sub")

    done = running.shell("cd sub/out && omnimem workspace explain ./a.js")
    running.omnimem("session", "end", session + "-sub")

    assert done.status == 0
    assert done.lines[0] == "not recorded  ~/src/app/sub/out/a.js"
    assert "rule       out/ (~/src/app/sub/.gitignore, line 2)" in done.lines[-2]
    assert "hint" in done.lines[-1]


def test_outside_of_every_watched_folder(running: Home) -> None:
    done = running.shell("cd ~/.local && omnimem workspace explain")

    assert (done.status, done.lines[0]) == (0, "not recorded  ~/.local")
    assert "omnimem workspace add ~/.local`" in done.out
    assert running.omnimem("workspace", "explain", "/", "--quiet").out == "outside\n"


def test_a_link_is_told(running: Home, session: str) -> None:
    running.shell("ln -sfn /etc elsewhere")

    done = running.omnimem("workspace", "explain", "elsewhere/../etc/hosts", "--json")

    explained = json.loads(done.out)
    assert explained["path"].endswith("/elsewhere/../etc/hosts")
    assert (explained["real_path"], explained["reason"]) == ("/etc/hosts", "outside")
