"""A strict reader of Prometheus' text format, made from its description and from nothing of ours.

https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4) and the naming conventions that promtool's
linter checks.
"""

import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)\}})? (NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
#: Units that are not base units, and parts of names that say nothing.
_NOT_SO = re.compile(
    r"_(ms|milliseconds?|us|microseconds?|minutes?|hours?|days?|kb|kib|mb|mib|percent|gauge|counter)(_|$)"
)

Labels = tuple[tuple[str, str], ...]


@dataclass
class Family:
    """One metric."""

    name: str
    kind: str = ""
    meaning: str = ""
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def only(self) -> float:
        (value,) = self.samples.values()
        return value


def read(body: bytes) -> dict[str, Family]:
    """Return the families of a page, held against everything the format and the conventions say."""
    text = body.decode("utf-8")
    assert text.endswith("\n"), "the last line must end in a line feed"
    families: dict[str, Family] = {}
    now = Family("")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, meaning = line.removeprefix("# HELP ").partition(" ")
            assert re.fullmatch(_NAME, name)
            assert name not in families, f"{name} comes twice, or in two pieces"
            assert meaning.endswith("."), f"{name} has no sentence for a meaning"
            now = families[name] = Family(name, meaning=meaning)
        elif line.startswith("# TYPE "):
            name, kind = line.removeprefix("# TYPE ").split(" ")
            assert name == now.name
            assert not now.kind
            assert not now.samples
            assert kind in ("counter", "gauge", "histogram")
            now.kind = kind
        else:
            found = _SAMPLE.fullmatch(line)
            assert found, f"no sample: {line!r}"
            labels = tuple(
                (one.split("=", 1)[0], one.split("=", 1)[1][1:-1]) for one in re.findall(_LABEL, found[2] or "")
            )
            assert len({name for name, _ in labels}) == len(labels)
            suffixes = ("_bucket", "_sum", "_count") if now.kind == "histogram" else ("",)
            assert found[1] in {now.name + suffix for suffix in suffixes}, f"{found[1]} is none of {now.name}"
            assert (found[1], labels) not in now.samples, f"{line!r} comes twice"
            now.samples[found[1], labels] = float(found[3])
    for one in families.values():
        _hold_to_conventions(one)
    return families


def _hold_to_conventions(family: Family) -> None:
    assert family.kind, family.name
    assert (family.kind == "counter") == family.name.endswith("_total"), family.name
    assert not _NOT_SO.search(family.name), family.name
    assert not re.search(r"_(bucket|count|sum)$", family.name), family.name
    if family.kind == "counter":
        assert all(value >= 0 for value in family.samples.values())
    if family.kind == "histogram":
        _check_histogram(family)


def _check_histogram(family: Family) -> None:
    for name, labels in family.samples:
        if name == f"{family.name}_count":
            buckets = [
                (float(dict(of)["le"]), value)
                for (bucket, of), value in family.samples.items()
                if bucket.endswith("_bucket") and tuple(one for one in of if one[0] != "le") == labels
            ]
            assert [bound for bound, _ in buckets] == sorted({bound for bound, _ in buckets})
            assert buckets[-1][0] == float("inf")
            counts = [value for _, value in buckets]
            assert counts == sorted(counts), "buckets count up"
            assert counts[-1] == family.samples[name, labels]
            assert (f"{family.name}_sum", labels) in family.samples
