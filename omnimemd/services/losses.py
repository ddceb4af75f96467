"""What of the database is lost, told until a person has seen it."""

import asyncio
import shlex
from pathlib import Path

from omnimem.model import Verdict
from omnimemd.domain.clock import Clock, rfc3339
from omnimemd.services.doctor import Finding
from omnimemd.storage import losses, quarantine
from omnimemd.storage.database import Database
from omnimemd.storage.losses import Loss, LossReason


def is_unseen(loss: Loss) -> bool:
    """Return whether a person is still to be told of *loss*."""
    return loss.seen_at is None


def told(loss: Loss, *, database: Path) -> str:
    """Return *loss*, of the file *database*, in sentences: what is gone, where the rest is, what to do."""
    if loss.reason is LossReason.DATABASE and loss.restored_from is None:
        what = "The database was damaged or gone, and no backup is whole: NOTHING COULD BE RESTORED, an empty one took "
        what += f"its place. What was recorded before {rfc3339(loss.ended_at)} is not there any more."
    else:
        since = "before" if loss.started_at is None else f"between {rfc3339(loss.started_at)} and"
        what = f"The database was damaged: what was recorded {since} {rfc3339(loss.ended_at)} may be gone."
    if loss.restored_from is not None:
        what += f" {loss.restored_from} took its place."
    if loss.put_aside:
        what += " That is the state which an earlier restore had put aside: no other backup is whole."
    return what if loss.kept is None else f"{what} {_what_is_kept(database, database.parent / loss.kept)}"


def _what_is_kept(database: Path, folder: Path) -> str:
    kept = f"The damaged files are in {folder}"
    damaged = folder / database.name
    if not damaged.exists():
        return f"{kept}."
    recover = f"sqlite3 {shlex.quote(str(damaged))} .recover"
    return f'{kept}; `{recover}` may give back more of it: "Damage" in docs/BACKUPS.md says how.'


class LossesCheck:
    """Whether something is lost that nobody has seen yet."""

    name = "losses"

    def __init__(self, *, database: Database, clock: Clock) -> None:
        """Look at those in *database*."""
        self._database = database
        self._clock = clock

    async def look(self) -> Finding:
        """Return what is lost."""
        every = await self._database.read(losses.every)
        new = [told(loss, database=self._database.path) for loss in every if is_unseen(loss)]
        if new:
            return Finding(
                Verdict.WARN,
                " ".join(new),
                "`omnimem doctor --repair` notes that you have seen it; it removes no file.",
            )
        return Finding(Verdict.OK, f"{len(every)} in all, which you have seen." if every else "Nothing is lost.")

    async def mend(self) -> str | None:
        """Note that they were seen: what is gone stays gone."""
        at = self._clock.now()
        await asyncio.to_thread(quarantine.seen, self._database.path, at=at)
        count = await self._database.write(lambda db: losses.seen(db, at=at), durable=True)
        return "Noted that you have seen what is lost." if count else None
