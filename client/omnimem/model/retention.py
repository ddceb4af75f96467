"""How long what was recorded is kept, on the wire."""

from omnimem.model.vocabulary import Reply, Request, Timestamp


class RetentionRule(Reply, frozen=True, kw_only=True):
    """One kind of what is recorded, and how long it is kept."""

    name: str  #: as the config has it
    kept: str  #: "forever", or whole days, weeks or years, such as "90d"
    due: int  #: how many would go now: sessions, entries or memories


class RetentionRun(Reply, frozen=True, kw_only=True):
    """What went, or with `dry_run` would go, by each rule."""

    at: Timestamp
    dry_run: bool
    removed: dict[str, int]


class Retention(Reply, frozen=True, kw_only=True):
    """Every rule, and the latest run."""

    rules: list[RetentionRule]
    last_run: RetentionRun | None


class RetentionApply(Request, frozen=True, kw_only=True):
    """Let go of what is due."""

    dry_run: bool = False  #: true: only say what would go
