"""The operations that keep the daemon well; `omnimem.calls` has all the others."""

from omnimem import model
from omnimem.operation import of_fields, plain


class UpkeepOperations:
    """Looking the daemon over, its log, and what it lets go of."""

    checks = plain("GET", "/checks", model.Checkup, "Look the daemon over, its database and index; may take long.")
    repair = plain(
        "POST",
        "/checks/repair",
        model.Checkup,
        "The same, and mend what can be mended without losing anything.",
        repeatable=True,
    )
    show_log = plain("GET", "/log", model.Log, "From which level on the daemon logs.")
    change_log = of_fields(
        "body", model.LogChange, "PATCH", "/log", model.Log, "Log from another level on, until the daemon stops."
    )

    show_retention = plain(
        "GET", "/retention", model.Retention, "How long each kind is kept, how much is due to go, and what went last."
    )
    apply_retention = of_fields(
        "body",
        model.RetentionApply,
        "POST",
        "/retention",
        model.RetentionRun,
        "Let go of what is due; with `dry_run` only say what would go.",
    )
