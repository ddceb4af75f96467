"""`omnimem briefing --report`: how often what briefings showed was used."""

from typing import Final

from omnimem.model import BriefingReport, BriefingUse
from omnimemd.cli.output import Output
from omnimemd.cli.text import counted, safe
from omnimemd.cli.times import span

#: How a use was seen, most telling first; the last ones are weak.
_HOW: Final = ("read", "written", "found", "continued", "touched", "said")
_WEAK: Final = frozenset(("touched", "said"))


def tell(report: BriefingReport, out: Output) -> None:
    """Show a line for each kind of thing that was shown, what was shown most first."""
    days = f"the last {counted(report.days, 'day')}"
    if not report.briefings:
        out.say(f"No session was given a briefing in {days}.")
        return
    rows = [(safe(one.kind).replace("_", " "), *_figures(one)) for one in report.kinds]
    out.table(("KIND", "SHOWN", "USED", "SHARE", "FIRST USE", "HOW"), rows)
    given = f"{counted(report.briefings, 'briefing')} to {counted(report.sessions, 'session')} in {days}"
    out.say(f"{given}. What is weak (~) may well have happened without.")


def _figures(one: BriefingUse) -> tuple[str, ...]:
    known = [how for how in _HOW if how in one.how] + sorted(one.how.keys() - set(_HOW))
    how = ", ".join(f"{'~' if name in _WEAK else ''}{safe(name)} {one.how[name]:,}" for name in known)
    soon = "-" if one.median_seconds is None else span(one.median_seconds)
    return f"{one.shown:,}", f"{one.used:,}", f"{one.share:.0%}", soon, how or "-"
