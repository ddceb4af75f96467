"""As much of JSON Schema (2020-12) as msgspec writes, to hold answers against the API's own description."""

import math
import re
from typing import Any, Final

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
#: Words that only describe.
_SILENT: Final = {"title", "description", "default", "examples", "format", "discriminator"}
_KNOWN: Final = _SILENT | {
    "$ref",
    "type",
    "enum",
    "const",
    "anyOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
}


def faults(value: object, schema: Any, document: dict[str, Any], where: str = "$") -> list[str]:
    """Return what is wrong with *value* by *schema*, whose references are into *document*."""
    if schema is True or schema == {}:
        return []
    unknown = set(schema) - _KNOWN
    assert not unknown, f"this checker does not know {unknown}"
    if "$ref" in schema:
        return faults(value, resolved(schema["$ref"], document), document, where)
    if "anyOf" in schema:
        tried = [faults(value, one, document, where) for one in schema["anyOf"]]
        return [] if any(not one for one in tried) else [f"{where}: fits none of {tried}"]
    found = [f"{where}: {problem}" for problem in _own_faults(value, schema)]
    if isinstance(value, dict) and not found:
        properties = schema.get("properties", {})
        found += [f"{where}: lacks {name}" for name in schema.get("required", ()) if name not in value]
        for name, member in value.items():
            if name in properties:
                found += faults(member, properties[name], document, f"{where}.{name}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{where}: has {name}")
            else:
                found += faults(member, schema.get("additionalProperties", True), document, f"{where}.{name}")
    if isinstance(value, list) and not found:
        for number, item in enumerate(value):
            found += faults(item, schema.get("items", True), document, f"{where}[{number}]")
    return found


def resolved(reference: str, document: dict[str, Any]) -> Any:
    """Return what *reference* points to in *document*."""
    assert reference.startswith("#/"), reference
    target: Any = document
    for part in reference.removeprefix("#/").split("/"):
        target = target[part.replace("~1", "/").replace("~0", "~")]
    return target


def _own_faults(value: Any, schema: dict[str, Any]) -> list[str]:
    wanted = schema.get("type")
    if wanted is not None:
        types = _TYPES[wanted]
        if not isinstance(value, types) or (isinstance(value, bool) and wanted in ("integer", "number")):
            return [f"{value!r} is no {wanted}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{value!r} is not {schema['const']!r}")
    if isinstance(value, str | list):
        short, long = ("minLength", "maxLength") if isinstance(value, str) else ("minItems", "maxItems")
        if not schema.get(short, 0) <= len(value) <= schema.get(long, math.inf):
            found.append(f"has {len(value)}")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{value!r} does not match {schema['pattern']}")
    if isinstance(value, int | float):
        if not schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf):
            found.append(f"{value} is out of range")
        if not schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf):
            found.append(f"{value} is out of range")
    return found
