"""An answer to a subscription is made once and handed to many: nothing below a subscription's root may look at the caller."""

from graphql import GraphQLObjectType, get_named_type, is_object_type

from schema.build import build
from schema.subscription import Subscription


def _reachable() -> dict[str, GraphQLObjectType]:
    core = build()._schema
    assert core.subscription_type is not None
    found: dict[str, GraphQLObjectType] = {}
    waiting = [get_named_type(field.type) for field in core.subscription_type.fields.values()]
    while waiting:
        kind = waiting.pop()
        if is_object_type(kind) and kind.name not in found:
            found[kind.name] = kind
            waiting += [get_named_type(field.type) for field in kind.fields.values()]
    return found


def test_every_field_below_a_subscription_is_a_plain_attribute() -> None:
    reachable = _reachable()
    assert set(reachable) == {"ActivityEvent", "ActivityRoute", "Actor", "Board", "FieldChange", "Task", "TaskComment"}
    own = [
        f"{kind.name}.{name}"
        for kind in reachable.values()
        for name, field in kind.fields.items()
        if not field.extensions["strawberry-definition"].is_basic_field or field.args
    ]
    assert own == []


def test_both_subscriptions_are_in_the_contract() -> None:
    fields = Subscription.__strawberry_definition__.fields  # type: ignore[attr-defined]
    assert {field.python_name for field in fields} == {"comment_added", "activity_logged"}
