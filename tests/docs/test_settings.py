"""docs/settings.md shows exactly the settings that there are. The table is made here from the code and compared whole."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from tests.docs.markdown import section
from trailcast.settings import Settings, field_names

HEAD = ["| in the environment | may be | default | meaning |", "|---|---|---|---|"]


def test_table_shows_every_setting_with_its_bounds_and_default() -> None:
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    assert section("docs/settings.md", "All settings") == "\n".join([*HEAD, *rows])


def _row(name: str, field: FieldInfo) -> str:
    return f"| {_names(name, field)} | {_values(field)} | {_default(field.default)} | {field.description} |"


def _names(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    names = alias.choices if isinstance(alias, AliasChoices) else [field_names()[name]]
    assert names[0] == field_names()[name]
    return ", ".join(f"`{spelling}`" for spelling in names)


def _values(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if annotation is bool:
        return "`true`, `false`"
    if annotation in {int, float}:
        bounds = {
            kind: getattr(bound, kind) for bound in field.metadata for kind in ("ge", "le") if hasattr(bound, kind)
        }
        return f"{bounds['ge']} to {bounds['le']}"
    return {str: "text", SecretStr | None: "text", str | None: "a URL", Path: "a path", UUID | None: "a UUID"}[
        annotation
    ]


def _default(value: Any) -> str:
    if value is None or value == "":
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return str(value) if isinstance(value, int | float) else f"`{value}`"
