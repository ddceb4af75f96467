"""Show the entries of a session as they are recorded, each once and none left out.

An entry that is the next one is shown as its event brings it; wherever one is missing, what is shown is read by
`list_entries` behind the last that was shown. So nothing is missed or doubled, whenever the stream of events begins and
however far it falls behind.
"""

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, assert_never

from msgspec.structs import replace

from omnimem import Client, OmnimemError
from omnimem.model import Entry, Event, Health, Lagged, Session, SessionState
from omnimemd.cli.output import Output
from omnimemd.cli.text import counted, safe

#: Events that wait to be looked at; behind that many the daemon is not read from, and tells what was missed.
_BEHIND: Final = 1000
#: The most a page of entries holds.
_PAGE: Final = 1000


class Stop:
    """Somebody wants it to end."""


class Inbox:
    """What the stream of events and the signals bring: a thread and signal handlers fill it, one thread reads."""

    def __init__(self) -> None:
        """Begin empty."""
        self._items: queue.SimpleQueue[Event | OmnimemError | Stop] = queue.SimpleQueue()  # a signal handler may put
        self._room = threading.Semaphore(_BEHIND)
        self.interrupted = False  #: by Ctrl-C

    def subscribe(self, client: Client, *, session_id: str | None = None, project_id: str | None = None) -> None:
        """Have all events from now on come in, or those of a session, which need not exist yet, or of a project."""
        try:
            events = client.events(session_id=session_id, project_id=project_id)
        except OmnimemError as error:
            self._items.put(error)
            return
        threading.Thread(target=self._listen, args=(events,), name="events", daemon=True).start()

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Have `next` return Stop in its turn; a signal handler."""
        self.interrupted = number == signal.SIGINT
        self._items.put(Stop())

    def next(self, timeout: float | None) -> Event | OmnimemError | Stop | None:
        """Return what came first; None when nothing came in time."""
        try:
            item = self._items.get(timeout=timeout)
        except queue.Empty:
            return None
        if not isinstance(item, Stop):
            self._room.release()
        return item

    def _listen(self, events: Iterator[Event]) -> None:
        try:
            for event in events:
                self._room.acquire()
                self._items.put(event)
        except OmnimemError as error:
            self._items.put(error)


class Journal:
    """The entries of one session on their way to whoever shows them."""

    def __init__(self, client: Client, session_id: str, show: Callable[[Entry], None], *, shown: int = 0) -> None:
        """Go on behind the entry numbered *shown*."""
        self._client = client
        self._session_id = session_id
        self._show = show
        self._shown = shown

    @property
    def session_id(self) -> str:
        """The session whose entries it shows."""
        return self._session_id

    def has(self, entry: Entry) -> bool:
        """Return whether *entry* has been shown."""
        return entry.entry_id <= self._shown

    def take(self, entry: Entry) -> None:
        """Show *entry*, and before it those that were missed, unless it has been shown."""
        if entry.entry_id == self._shown + 1:
            self._show(replace(entry, session_id=None))  # as `list_entries` has it
            self._shown += 1
        elif not self.has(entry):
            self.catch_up()

    def catch_up(self) -> None:
        """Show every entry there is that has not been shown."""
        after: int | None = self._shown
        while after is not None:
            page = self._client.list_entries(self._session_id, after=after, limit=_PAGE)
            for entry in page.entries:
                self._show(entry)
                self._shown = entry.entry_id
            after = page.next_after


def follow(journal: Journal, inbox: Inbox, out: Output, *, beside: Callable[[Session], None]) -> None:
    """Show what is recorded until the session ends or a signal says to stop; call *beside* with others' news.

    Raises:
        OmnimemError: the daemon went away.
    """
    journal.catch_up()
    out.flush()
    while True:
        item = inbox.next(None)
        match item:
            case Stop() | None:
                return
            case OmnimemError():
                raise item
            case Event():
                over = _ends(item, journal, out, beside)
                out.flush()
                if over:
                    return
            case _:
                assert_never(item)


def _ends(event: Event, journal: Journal, out: Output, beside: Callable[[Session], None]) -> bool:
    """Act on *event*; return whether the session is over."""
    match event.data:
        case Session() as session if session.session_id != journal.session_id:
            beside(session)
        case Session() as session:
            journal.catch_up()
            return session.state is SessionState.ENDED
        case Lagged(missed=missed):
            out.say(f"Fell behind by {counted(missed, 'event')}; none is left out.")
            journal.catch_up()
        case Health(problems=problems):
            for problem in problems:
                out.say(safe(problem))
        case entry if event.event == "entry" and getattr(entry, "session_id", None) == journal.session_id:
            journal.take(entry)  # type: ignore[arg-type]  # its data is an Entry
    return False


@contextmanager
def stopped_by_signals(inbox: Inbox) -> Iterator[None]:
    """Have Ctrl-C, SIGTERM and the end of the terminal stop what follows in order, however often they come.

    What follows is the last the program does: behind it they are ignored, so that a second one, which comes late,
    does not make a failure of it.
    """
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        signal.signal(number, inbox.stop)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
