"""What of the database is lost, told until a person has seen it."""

from omnimem.model import Verdict
from omnimemd.domain.clock import Clock, rfc3339
from omnimemd.services.doctor import Finding
from omnimemd.storage import losses
from omnimemd.storage.database import Database
from omnimemd.storage.losses import Loss


def is_unseen(loss: Loss) -> bool:
    """Return whether a person is still to be told of *loss*."""
    return loss.seen_at is None


def told(loss: Loss) -> str:
    """Return *loss* in a sentence."""
    since = "before" if loss.started_at is None else f"between {rfc3339(loss.started_at)} and"
    where = "" if loss.kept is None else f" The damaged files are in {loss.kept} of the data directory."
    instead = "" if loss.restored_from is None else f" {loss.restored_from} took their place."
    return f"The database was damaged: what was recorded {since} {rfc3339(loss.ended_at)} may be gone.{where}{instead}"


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
        new = [told(loss) for loss in every if is_unseen(loss)]
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
        count = await self._database.write(lambda db: losses.seen(db, at=at), durable=True)
        return "Noted that you have seen what is lost." if count else None
