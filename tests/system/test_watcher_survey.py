"""A survey lists what is watched and nothing else, and nobody's events suffer by it."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from omnimemd.domain.file_events import UNSEEN, Change, FileFacts, Listing
from omnimemd.domain.ports import SurveyFailed, Watcher
from tests.support.watching import tree, watching

pytestmark = pytest.mark.needs("inotify")


async def surveyed(watcher: Watcher, root: Path) -> list[Listing]:
    return [listing async for batch in watcher.survey(str(root)) for listing in batch]


def names(listings: Sequence[Listing], base: Path) -> set[str]:
    return {os.path.relpath(f"{each.path}/{file.name}", base) for each in listings for file in each.files}


async def test_every_file_that_no_rule_ignores_is_listed_once_with_its_facts(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "sub/deep/b.py", "sub/b.log", "node_modules/x.js", "empty/")
    (root / ".gitignore").write_text("*.log\n")
    (root / "link").symlink_to("nowhere")

    async with watching(tmp_path, root) as watch:
        tree(root, "born/c.py")
        await watch.events()
        listings = await surveyed(watch.watcher, root)

    assert names(listings, root) == {"a.py", "sub/deep/b.py", ".gitignore", "link", "born/c.py"}
    assert sorted(each.path for each in listings) == sorted(str(root / each) for each in (".", "sub/deep", "born"))
    status = (root / "a.py").lstat()
    (facts,) = [file for each in listings for file in each.files if file.name == "a.py"]
    assert facts == FileFacts("a.py", status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


async def test_it_says_who_sees_a_directory_and_lists_only_what_its_root_sees(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "sub/b.py", "sub/c.log")
    (root / ".gitignore").write_text("*.log\n")
    inner = root / "sub"

    async with watching(tmp_path, root, inner) as watch:
        outer_listings = await surveyed(watch.watcher, root)
        inner_listings = await surveyed(watch.watcher, inner)

    assert {each.workspaces for each in outer_listings} == {(str(root),), (str(root), str(inner))}
    assert names(inner_listings, root) <= {"sub/b.py", "sub/c.log"}
    assert "sub/c.log" not in names(outer_listings, root)


async def test_reads_during_a_survey_are_all_seen(tmp_path: Path) -> None:
    files = [f"d{number % 40}/f{number}" for number in range(4000)]
    root = tree(tmp_path / "w", *files)

    async with watching(tmp_path, root) as watch:
        survey = asyncio.ensure_future(surveyed(watch.watcher, root))
        await asyncio.to_thread(lambda: [(root / each).read_bytes() for each in files])
        listings = await survey
        seen = await watch.paths(Change.READ)

    assert sorted(seen) == sorted(files)
    assert len(names(listings, root)) == len(files)


async def test_a_directory_with_very_many_entries_is_watched_and_listed_whole(tmp_path: Path) -> None:
    wanted = {f"many/{kind}{number}" for kind in ("f", "d") for number in range(700)}
    root = tree(tmp_path / "w", *(each if each.startswith("many/f") else f"{each}/" for each in wanted))

    async with watching(tmp_path, root) as watch:
        listings = await surveyed(watch.watcher, root)
        tree(root, *(f"many/d{number}/new.py" for number in range(700)))
        created = await watch.paths(Change.CREATED)

    assert names(listings, root) == {each for each in wanted if each.startswith("many/f")}
    assert set(created) == {f"many/d{number}/new.py" for number in range(700)}


async def test_one_that_is_left_early_does_not_hold_up_the_next(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", *(f"d{number}/f{each}" for number in range(30) for each in range(400)))

    async with watching(tmp_path, root) as watch:
        survey = watch.watcher.survey(str(root))
        first = await anext(survey)
        await survey.aclose()
        listings = await surveyed(watch.watcher, root)

    assert first
    assert len(names(listings, root)) == 12_000


async def test_a_root_that_is_not_watched_or_goes_meanwhile_is_no_empty_root(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", *(f"d{number}/f{each}" for number in range(30) for each in range(400)))

    async with watching(tmp_path, root) as watch:
        with pytest.raises(SurveyFailed):
            await surveyed(watch.watcher, tmp_path / "other")
        survey = watch.watcher.survey(str(root))
        await anext(survey)
        await watch.watcher.unwatch(str(root))
        with pytest.raises(SurveyFailed):
            async for _ in survey:
                pass


async def test_closing_the_watcher_ends_a_survey(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", *(f"d{number}/f{each}" for number in range(30) for each in range(400)))

    async with watching(tmp_path, root) as watch:
        survey = watch.watcher.survey(str(root))
        await anext(survey)
        await watch.watcher.close()
        with pytest.raises(SurveyFailed):
            async for _ in survey:
                pass


async def test_a_look_says_what_is_there(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "locked/b.py", "sub/")
    paths = ["a.py", "gone.py", "a.py/below", "sub", "x" * 300]

    async with watching(tmp_path, root) as watch:
        seen = await watch.watcher.look([str(root / each) for each in paths])
        events = await watch.events()

    assert [None if one is None else one.name for one in seen] == ["a.py", None, None, None, UNSEEN.name]
    assert events == []


async def test_it_is_told_when_other_files_are_seen_than_before(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "sub/b.log")

    async with watching(tmp_path, root) as watch:
        await surveyed(watch.watcher, root)
        (root / ".gitignore").write_text("*.log\n")
        await watch.events()
        report = watch.watcher.report(str(root))
        listings = await surveyed(watch.watcher, root)

    assert report is not None
    assert report.rule_changes > 0
    assert names(listings, root) == {"a.py", ".gitignore"}


async def test_the_first_one_after_a_start_opens_nothing_and_what_came_and_went_since_is_told(tmp_path: Path) -> None:
    root = tree(tmp_path / "w", "a.py", "sub/b.py", "sub/gone.py", "sub/deep/", "log/c.log")
    (root / "log/.gitignore").write_text("*.log\n")

    async with watching(tmp_path, root) as watch:
        tree(root, "sub/new.py")
        (root / "sub/gone.py").unlink()
        events = await watch.events()
        before = watch.watcher.counts().events_seen
        listings = await surveyed(watch.watcher, root)
        await watch.events()
        seen = watch.watcher.counts().events_seen - before

    assert names(listings, root) == {"a.py", "sub/b.py", "log/.gitignore"}
    assert {os.path.relpath(event.path, root) for event in events} == {"sub/new.py", "sub/gone.py"}
    assert all(event.at >= listing.at for event in events for listing in listings)
    assert seen == 0
