"""Describe the API as OpenAPI 3.1, from the same declarations that route it."""

import inspect
import re
from collections.abc import Iterable
from types import NoneType
from typing import Any

import msgspec

from omnimem._version import __version__
from omnimem.calls import COMMON_ERRORS, Operation
from omnimem.errors import BodyTooLarge, IdempotencyKeyReused, OmnimemError, Problem, UnsupportedMediaType

_REF = "#/components/schemas/{name}"
#: The headers of answers, besides those that HTTP knows.
_HEADERS = {
    "Omnimem-Version": {
        "description": "The version of the daemon.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
    },
    "Omnimem-Redacted": {
        "description": "The kinds of secrets that were removed from what was said; not there when none were.",
        "schema": {"type": "string", "minLength": 1},
    },
    "Retry-After": {
        "description": "Seconds after which the store may be there again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
}


def describe(operations: Iterable[Operation[..., Any]]) -> dict[str, Any]:
    """Return the OpenAPI document of *operations*."""
    chosen = list(operations)
    types = [
        *{one.result for one in chosen if one.result is not NoneType and one.media_type == "application/json"},
        *{one.body for one in chosen if one.body is not None},
        *{one.query for one in chosen if one.query is not None},  # parameters refer to what these refer to
        Problem,
    ]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REF)
    schema_of = dict(zip(types, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in chosen:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "omnimemd",
            "version": __version__,
            "summary": "Remembers what happened while somebody coded.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://omnimemd", "description": "HTTP/1.1 over the daemon's Unix socket"}],
        "paths": paths,
        "components": {"schemas": components, "headers": _HEADERS},
    }


def _operation(one: Operation[..., Any], schema_of: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [*_path_parameters(one), *_query_parameters(one), *_header_parameters(one)],
        "responses": _responses(one, schema_of),
    }
    if one.body is not None:
        required = any(field.required for field in msgspec.structs.fields(one.body))
        described["requestBody"] = {
            "required": required,
            "content": {"application/json": {"schema": schema_of[one.body]}},
        }
    elif one.takes != "application/json":
        described["requestBody"] = {"required": True, "content": {one.takes: {"schema": {"type": "string"}}}}
    return described


def _path_parameters(one: Operation[..., Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", one.path)
    ]


def _query_parameters(one: Operation[..., Any]) -> list[dict[str, Any]]:
    if one.query is None:
        return []
    (reference,), components = msgspec.json.schema_components([one.query], ref_template=_REF)
    schema = components[reference["$ref"].rpartition("/")[2]]
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(described)}
        for name, described in schema["properties"].items()
    ]


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return *schema* as a query parameter has it: it is given or left out, never null."""
    kept = {name: value for name, value in schema.items() if (name, value) != ("default", None)}
    choices = [one for one in kept.pop("anyOf", []) if one != {"type": "null"}]
    if len(choices) == 1:
        return {**choices[0], **kept}
    return kept | ({"anyOf": choices} if choices else {})


def _header_parameters(one: Operation[..., Any]) -> list[dict[str, Any]]:
    if one.method != "POST" or one.repeatable:
        return []
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key with the same body returns the first answer, and has no second effect.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }
    return [key]


def _responses(one: Operation[..., Any], schema_of: dict[Any, Any]) -> dict[str, Any]:
    headers = _headers("Omnimem-Version", "Omnimem-Redacted")
    if one.result is NoneType:
        responses: dict[str, Any] = {"204": {"description": "Done.", "headers": headers}}
    else:
        schema = schema_of.get(one.result, {"type": "string"})
        content = {one.media_type: {"schema": schema}}
        if one.also is not None:
            content[one.also] = {"schema": {"type": "string"}}
        success = {"description": "Done.", "headers": headers, "content": content}
        responses = {"200": success}
        if one.created:
            responses["201"] = success | {"description": "Made."}
        if one.name == "append_context":
            responses["204"] = {"description": "Done; asked for with `Prefer: return=minimal`.", "headers": headers}
        if one.name == "health":
            responses["503"] = success | {"description": "It cannot store."}
    by_status: dict[str, list[type[OmnimemError]]] = {}
    for error in (*COMMON_ERRORS, *_errors_of_body(one), *one.raises):
        by_status.setdefault(str(error.status), []).append(error)
    for status, errors in by_status.items():
        responses.setdefault(
            status,
            {
                "description": " ".join(
                    f"`{error.code}`: {(inspect.getdoc(error) or '').partition(chr(10))[0]}" for error in errors
                ),
                "headers": _headers("Omnimem-Version", *(["Retry-After"] if status == "503" else [])),
                "content": {"application/problem+json": {"schema": schema_of[Problem]}},
            },
        )
    return responses


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _errors_of_body(one: Operation[..., Any]) -> tuple[type[OmnimemError], ...]:
    if one.method not in ("POST", "PATCH"):
        return ()
    reused = () if one.method == "PATCH" or one.repeatable else (IdempotencyKeyReused,)
    return BodyTooLarge, UnsupportedMediaType, *reused
