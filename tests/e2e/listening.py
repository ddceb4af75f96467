"""Somebody who listens to /events while the test goes on."""

import threading

from omnimem import Client, ConnectionLost
from omnimem.model import Event


class Listener:
    """Hears every event from its construction on, in a thread that ends when the daemon does."""

    def __init__(self, client: Client, *, session_id: str | None = None, project_id: str | None = None) -> None:
        self.heard: list[Event] = []
        self.hung_up = threading.Event()
        self._events = client.events(session_id=session_id, project_id=project_id)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def of(self, kind: str) -> list[Event]:
        """Return the events of one kind heard so far."""
        return [event for event in self.heard if event.event == kind]

    def _listen(self) -> None:
        try:
            for event in self._events:
                self.heard.append(event)
        except ConnectionLost:
            self.hung_up.set()
