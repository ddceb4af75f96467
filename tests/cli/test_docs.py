"""`--help` and docs/CLI.md say the same, their examples work, and JSON is what the document says it is."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from omnimem import model
from omnimemd.cli import service_report
from omnimemd.cli.parser import WORDS, build
from tests.cli.home import ROOT, Done, Home, Recorder
from tests.cli.managers import have_systemctl

DOCUMENT = (ROOT / "docs" / "CLI.md").read_text()
EVERYWHERE = {"json", "quiet", "socket"}
#: Verbs that go on, or print what is not theirs.
NO_JSON = ("record", "tail", "service logs", "shell init")
SAMPLE = "sess_0a1b2c3d4e5f"
BACKUP = "backup_20260301T120000000Z_client_0a1b"
#: What has to be done before an example can work, besides what is done before each.
BEFORE = {
    "service uninstall": "omnimem service install;",
    "service restart": "omnimem service install;",
    "session delete": f"omnimem session end {SAMPLE};",
    "import": "omnimem export --for-git --force -o memories.jsonl;",
}


def verbs(parser: argparse.ArgumentParser, *words: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every verb below *parser*, by the words that are typed."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield " ".join(words), parser
    for action in below:
        for word, child in action.choices.items():
            yield from verbs(child, *words, word)


VERBS = dict(verbs(build(WORDS)))
SECTIONS = dict(re.findall(r"^### (.+)\n((?:(?!^#).*\n)*)", DOCUMENT, re.MULTILINE))


def items(parser: argparse.ArgumentParser, *, everywhere: bool) -> list[str]:
    """The arguments of a verb, as the document lists them."""
    return [
        f"- `{spelled(action)}`: {action.help}"
        for action in parser._actions
        if action.dest != "help" and (action.dest in EVERYWHERE) is everywhere
    ]


def spelled(action: argparse.Action) -> str:
    metavar = action.metavar or "|".join(action.choices or ())
    words = [*action.option_strings, *([] if action.nargs == 0 else [str(metavar)])]
    return " ".join(words)


def test_the_document_has_every_verb_and_no_other() -> None:
    assert list(SECTIONS) == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_document_says_what_help_says(verb: str) -> None:
    section = SECTIONS[verb]
    description, epilog = VERBS[verb].description, VERBS[verb].epilog
    assert description is not None
    assert epilog is not None

    assert description.replace("\n", " ") in section
    assert f"Example: `{epilog.removeprefix('example:').strip()}`" in section
    assert re.findall(r"^- .*$", section, re.MULTILINE) == items(VERBS[verb], everywhere=False)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_what_is_taken_everywhere(verb: str) -> None:
    listed = re.findall(r"^- .*$", DOCUMENT.split("## Everywhere")[1].split("## ")[0], re.MULTILINE)

    assert items(VERBS[verb], everywhere=True) == listed


@pytest.fixture
def world(running: Home) -> Iterator[Home]:
    """A home in which what the examples speak of exists; what they have begun is ended afterwards."""
    have_systemctl(running)
    running.start()
    with running.client() as client:
        client.create_session(tool_id="test", workspace_path=str(running.app), session_id=SAMPLE)
        client.update_session(SAMPLE, pinned=False, archived=False)
        project = client.resolve_project(path=str(running.app)).project_id
        client.create_memory(project, key="test-command", value="make test")
        client.create_checkpoint(SAMPLE, name="half way")
        backup = Path(client.create_backup().path)
        backup.rename(backup.with_name(f"{BACKUP}.db"))
        yield running
        running.start()
        for one in client.list_sessions(active=True, archived="all").sessions:
            client.end_session(one.session_id)


def typed(world: Home, verb: str, line: str) -> Done:
    """Do what the example of a verb says."""
    if verb == "record":
        with Recorder(world, *line.replace("~", str(world.path)).split()[2:]) as recorder:
            recorder.began()
            return recorder.interrupt()
    if verb == "tail":
        world.shell(f"omnimem context add {SAMPLE} --decision x")
        with Recorder(world, *line.replace("~", str(world.path)).split()[2:], word="tail") as tail:
            tail.line()
            return tail.interrupt()
    if verb.startswith("service"):
        try:
            return world.shell(f"{BEFORE.get(verb, '')} {line}")
        finally:
            world.omnimem("service", "uninstall")
    return world.shell(f"{BEFORE.get(verb, '')} {line}")


@pytest.mark.parametrize("verb", VERBS)
def test_the_example_of_every_verb_works(world: Home, verb: str) -> None:
    shown = world.omnimem(*verb.split(), "--help")
    heading, line = shown.out.rstrip("\n").splitlines()[-2:]

    done = typed(world, verb, line.strip())

    assert heading == "example:"
    assert line.strip().startswith(f"omnimem {verb}")
    assert done.status == 0, done.err


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in NO_JSON])
def test_json_is_of_the_type_the_document_says(world: Home, verb: str) -> None:
    named = re.search(r"· JSON: (.+)$", SECTIONS[verb], re.MULTILINE)
    assert named is not None
    kinds = re.findall(r"`(\w+)`", named[1])

    example = re.findall(r"Example: `([^`]+)`", SECTIONS[verb])[0]

    done = typed(world, verb, f"{example} --json")

    assert done.status == 0, done.err
    if kinds:
        kind = getattr(model, kinds[-1], None) or getattr(service_report, kinds[-1])
        assert fits(done.out, kind), done.out
    else:
        assert (named[1], done.out) == ("nothing", "")


def fits(text: str, kind: Any) -> bool:
    """Whether *text* is exactly one value of that kind, with its every member."""
    value = msgspec.json.decode(text, type=kind)
    return text.count("\n") == 1 and bool(msgspec.json.encode(value) == msgspec.json.encode(msgspec.json.decode(text)))


@pytest.mark.parametrize("words", ["", *WORDS])
def test_help_is_data(running: Home, words: str) -> None:
    done = running.omnimem(*words.split(), "--help")

    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("usage: omnimem")


def test_the_exit_statuses_are_those_of_the_document() -> None:
    from omnimemd.cli import errors

    stated = {int(number) for number in re.findall(r"^\| (\d+) \|", DOCUMENT, re.MULTILINE)}

    assert stated == {value for name, value in vars(errors).items() if name.isupper()}


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_fits_a_terminal(running: Home, verb: str) -> None:
    shown = running.omnimem(*verb.split(), "--help", COLUMNS="80").out

    assert [line for line in shown.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("words", ["", *dict.fromkeys(verb.split()[0] for verb in VERBS if " " in verb)])
def test_the_lines_of_a_list_in_help_end_in_no_period(running: Home, words: str) -> None:
    listed = running.omnimem(*words.split(), "--help", COLUMNS="200").out.partition("\n\nexample")[0]

    assert [line for line in listed.splitlines() if line.startswith("  ") and line.endswith(".")] == []
