"""Whether briefings were of use, over HTTP."""

from omnimem.calls import Operations
from omnimem.model import BriefingReport, BriefingUse
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.domain.clock import rfc3339
from omnimemd.domain.usefulness import KindReport
from omnimemd.services.usefulness import Usefulness


def endpoints(usefulness: Usefulness) -> list[Endpoint]:
    """Return the operations that report."""

    async def report(received: Received) -> Answer:
        project_id, days = received.ids.get("project_id"), received.query.days
        made = await usefulness.report(project_id, days=days)
        return answer(
            BriefingReport(
                project_id=project_id,
                days=days,
                since=rfc3339(made.since),
                briefings=made.briefings,
                sessions=made.sessions,
                shown=sum(one.shown for one in made.kinds),
                used=sum(one.used for one in made.kinds),
                kinds=[_shown(one) for one in made.kinds],
            )
        )

    return [Endpoint(Operations.briefing_report, report), Endpoint(Operations.all_briefings_report, report)]


def _shown(one: KindReport) -> BriefingUse:
    return BriefingUse(
        kind=one.kind,
        shown=one.shown,
        used=one.used,
        share=round(one.used / one.shown, 4),
        plainly_used=one.plainly,
        how={str(how): count for how, count in one.how.items()},
        median_seconds=None if one.median_ms is None else one.median_ms / 1000,
    )
