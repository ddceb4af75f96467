"""How long what was recorded is kept, over HTTP."""

from omnimem import model
from omnimem.calls import Operations
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.domain.clock import rfc3339
from omnimemd.domain.retention import Run
from omnimemd.services.retention import Retention


def endpoints(retention: Retention) -> list[Endpoint]:
    """Return the operations on retention."""

    async def show(_: Received) -> Answer:
        rules = [model.RetentionRule(name=one.rule, kept=one.kept, due=one.due) for one in await retention.preview()]
        ran = retention.last()
        return answer(model.Retention(rules=rules, last_run=None if ran is None else _run(ran, dry_run=False)))

    async def apply(received: Received) -> Answer:
        dry_run = received.body.dry_run
        ran = await (retention.try_out() if dry_run else retention.apply())
        return answer(_run(ran, dry_run=dry_run))

    return [Endpoint(Operations.show_retention, show), Endpoint(Operations.apply_retention, apply)]


def _run(one: Run, *, dry_run: bool) -> model.RetentionRun:
    removed = {str(rule): count for rule, count in one.removed.items()}
    return model.RetentionRun(at=rfc3339(one.at), dry_run=dry_run, removed=removed)
