"""`GET /workspaces/explain`: every reason, with the sentence, the rule and the way out that go with it."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from omnimem.errors import InvalidRequest
from omnimemd.domain.explaining import Obstacle, Sight
from omnimemd.domain.ignore import Rule
from tests.support.house import House
from tests.support.http import Api, expect_problem

MEMBERS = [
    *("path", "real_path", "exists", "recorded", "reads_observed", "workspace", "project_id", "reason", "detail"),
    *("rule", "hint"),
]


async def explain(api: Api, path: Path | str) -> dict[str, Any]:
    reply = await api.get(f"/workspaces/explain?path={quote(str(path))}")
    assert reply.status == 200
    assert list(reply.json) == MEMBERS
    explained: dict[str, Any] = reply.json
    return explained


async def test_a_file_that_is_recorded(api: Api, session: str, workspace: Path) -> None:
    (workspace / "a.py").touch()

    explained = await explain(api, workspace / "a.py")

    assert explained["recorded"]
    assert (explained["reason"], explained["exists"], explained["reads_observed"]) == ("recorded", True, True)
    assert (explained["workspace"], explained["path"]) == (str(workspace), f"{workspace}/a.py")
    assert explained["project_id"] == (await api.get(f"/sessions/{session}")).json["project_id"]
    assert explained["detail"] == "Reads and writes of it are recorded."
    assert (explained["rule"], explained["hint"]) == (None, None)


async def test_a_file_that_is_not_there_is_judged_by_its_name(api: Api, session: str, workspace: Path) -> None:
    explained = await explain(api, workspace / "new" / "a.py")

    assert (explained["recorded"], explained["exists"]) == (True, False)
    assert "by its name" in explained["detail"]


async def test_a_folder(api: Api, session: str, workspace: Path) -> None:
    assert (await explain(api, workspace))["reason"] == "folder"


@pytest.mark.parametrize(
    ("rule", "reason", "shown", "said"),
    [
        (
            Rule(pattern="out/", source="/w/.gitignore", line=3),
            "git_rule",
            {"source": "/w/.gitignore", "line": 3, "pattern": "out/"},
            "`out/` (/w/.gitignore, line 3)",
        ),
        (
            Rule(pattern="*.x", source="/w/.git/info/exclude", line=1),
            "git_rule",
            {"source": "/w/.git/info/exclude", "line": 1, "pattern": "*.x"},
            "info/exclude",
        ),
        (
            Rule(pattern="*.csv", source="/w/.omnimemignore", line=2),
            "omnimem_rule",
            {"source": "/w/.omnimemignore", "line": 2, "pattern": "*.csv"},
            "line 2",
        ),
        (
            Rule(pattern="*.csv", source="/w/.omnimem.toml", line=1),
            "omnimem_rule",
            {"source": "/w/.omnimem.toml", "line": None, "pattern": "*.csv"},
            "`*.csv` (/w/.omnimem.toml)",
        ),
        (
            Rule(pattern="node_modules", source="omnimem", line=0),
            "never_watched",
            {"source": "built-in", "line": None, "pattern": "node_modules"},
            "never watched",
        ),
    ],
)
async def test_a_rule_that_hides_it(
    api: Api,
    house: House,
    session: str,
    workspace: Path,
    rule: Rule,
    reason: str,
    shown: dict[str, Any],
    said: str,
) -> None:
    house.watcher.hides(Sight(f"{workspace}/out", Obstacle.RULE, rule))

    explained = await explain(api, workspace / "out" / "a.py")

    assert (explained["recorded"], explained["reads_observed"], explained["reason"]) == (False, False, reason)
    assert explained["rule"] == shown
    assert said in explained["detail"]


async def test_a_rule_that_brings_it_back_is_named(api: Api, house: House, session: str, workspace: Path) -> None:
    rule = Rule(pattern="!keep.log", source="/w/.gitignore", line=4)
    house.watcher.hides(Sight(f"{workspace}/keep.log", rule=rule))

    explained = await explain(api, workspace / "keep.log")

    assert explained["recorded"]
    assert explained["rule"] == {"source": "/w/.gitignore", "line": 4, "pattern": "!keep.log"}
    assert "`!keep.log`" in explained["detail"]


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [
        (Obstacle.OWN_DATA, "own_data"),
        (Obstacle.UNREADABLE, "unreadable"),
        (Obstacle.NETWORK, "network"),
    ],
)
async def test_what_else_hides_it(
    api: Api, house: House, session: str, workspace: Path, obstacle: Obstacle, reason: str
) -> None:
    house.watcher.hides(Sight(f"{workspace}/sub", obstacle))

    explained = await explain(api, workspace / "sub" / "a.py")

    assert (explained["recorded"], explained["reason"]) == (False, reason)


async def test_writes_are_found_where_the_system_has_no_watch_left(
    api: Api, house: House, session: str, workspace: Path
) -> None:
    house.watcher.hides(Sight(f"{workspace}/sub", Obstacle.NO_WATCH_LEFT))

    explained = await explain(api, workspace / "sub" / "a.py")

    assert (explained["recorded"], explained["reads_observed"]) == (True, False)
    assert explained["reason"] == "no_watch_left"
    assert explained["hint"] is not None


@pytest.mark.parametrize("name", ["a.py~", ".a.py.swp", "4913", "#a.py#", ".#a.py"])
async def test_what_editors_make_beside_a_file(api: Api, session: str, workspace: Path, name: str) -> None:
    explained = await explain(api, workspace / name)

    assert (explained["recorded"], explained["reason"]) == (False, "editor_file")


async def test_outside_of_every_watched_folder_it_says_how_to_watch_it(api: Api, workspace: Path) -> None:
    (workspace / ".git").mkdir()
    (workspace / ".git/objects").mkdir()
    (workspace / ".git/HEAD").touch()

    explained = await explain(api, workspace / "sub" / "new" / "a.py")

    assert (explained["recorded"], explained["reason"], explained["workspace"]) == (False, "outside", None)
    assert f"omnimem workspace add {workspace}`" in explained["hint"]


async def test_what_cannot_be_watched_is_not_recommended(api: Api) -> None:
    explained = await explain(api, "/proc/self/status")

    assert (explained["reason"], explained["hint"]) == ("outside", None)
    assert "cannot be one" in explained["detail"]


async def test_a_project_that_is_not_to_be_tracked(api: Api, workspace: Path) -> None:
    (workspace / ".omnimem.toml").write_text("track = false\n")

    outside = await explain(api, workspace / "a.py")
    await api.post("/workspaces", {"path": str(workspace)})
    inside = await explain(api, workspace / "a.py")

    assert (outside["recorded"], outside["reason"]) == (inside["recorded"], inside["reason"]) == (False, "not_tracked")
    assert (outside["workspace"], inside["workspace"]) == (None, str(workspace))


async def test_a_workspace_that_is_gone(api: Api, house: House, session: str, workspace: Path) -> None:
    house.watcher.loses_sight_of(str(workspace))

    explained = await explain(api, workspace / "a.py")

    assert (explained["recorded"], explained["reason"]) == (False, "workspace_gone")


async def test_of_two_folders_one_that_sees_it_decides(api: Api, house: House, session: str, workspace: Path) -> None:
    inner = workspace / "inner"
    inner.mkdir()
    await api.post("/workspaces", {"path": str(inner)})
    (inner / ".omnimem.toml").write_text("track = false\n")

    assert (await explain(api, inner / "a.py"))["workspace"] == str(inner)

    await api.delete(f"/workspaces?path={inner}")
    await api.post("/workspaces", {"path": str(inner)})

    assert (await explain(api, inner / "a.py"))["workspace"] == str(workspace)


async def test_links_are_followed_and_said(api: Api, session: str, workspace: Path) -> None:
    (workspace / "real").mkdir()
    (workspace / "link").symlink_to("real")

    explained = await explain(api, f"{workspace}/link/a.py")

    assert (explained["path"], explained["real_path"]) == (f"{workspace}/link/a.py", f"{workspace}/real/a.py")
    assert f"leads to {workspace}/real/a.py" in explained["detail"]


@pytest.mark.parametrize("query", ["", "?path=", "?path=a.py", "?path=%00", "?path=/a&path=/b"])
async def test_a_bad_query_is_refused_and_named(api: Api, query: str) -> None:
    expect_problem(await api.get(f"/workspaces/explain{query}"), InvalidRequest, "path")
