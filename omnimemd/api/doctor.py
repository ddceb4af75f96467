"""The daemon looked over, over HTTP."""

from collections.abc import Sequence

from omnimem import model
from omnimem.calls import Operations
from omnimemd.api.codec import Answer, answer
from omnimemd.api.endpoint import Endpoint, Received
from omnimemd.services.doctor import Doctor, Examined


def endpoints(doctor: Doctor) -> list[Endpoint]:
    """Return the operations that look, and that mend."""

    async def look(_: Received) -> Answer:
        return answer(_shown(await doctor.examine(repair=False)))

    async def repair(_: Received) -> Answer:
        return answer(_shown(await doctor.examine(repair=True)))

    return [Endpoint(Operations.checks, look), Endpoint(Operations.repair, repair)]


def _shown(examined: Sequence[Examined]) -> model.Checkup:
    return model.Checkup(
        sound=all(one.finding.verdict is not model.Verdict.FAIL for one in examined),
        checks=[
            model.Check(
                name=one.name,
                verdict=one.finding.verdict,
                detail=one.finding.detail,
                hint=one.finding.hint,
                repaired=one.repaired,
            )
            for one in examined
        ],
    )
