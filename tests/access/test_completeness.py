"""The matrix has a row for everything: a root field or a way to an event, a comment or an entry that nobody tests fails here.

Whoever adds such a field adds a test that asks for it as every caller, and names that test here.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type

from schema.build import build
from tests.access import test_counts as counts
from tests.access import test_directory_changes as changes
from tests.access import test_directory_reads as directory
from tests.access import test_event_reads as events
from tests.access import test_streams as streams
from tests.access import test_writes as writes

Test: TypeAlias = Callable[..., Any]

# What may be shown to one caller and not to another: rows, and numbers made of rows.
SCOPED = {
    "Node", "ActivityEvent", "TaskComment", "Workspace", "Board", "Task", "Agent", "User", "BoardAccess",
    "Count", "MetricPoint", "Breakdown", "ActorActivity",
}  # fmt: skip

ROOT_FIELDS: dict[str, Test] = {
    "Query.viewer": directory.test_viewer_says_who_where_and_which_boards,
    "Query.node": directory.test_node_shows_what_the_caller_sees_and_answers_all_else_like_absent,
    "Query.activityEvents": events.test_list_holds_what_the_caller_sees_and_counts_the_same,
    "Query.activityEvent": events.test_single_event_is_shown_to_who_sees_it_and_absent_to_all_others,
    "Query.auditTrail": counts.test_audit_trail_is_what_the_caller_sees_of_an_entity,
    "Query.taskComments": events.test_comments_are_those_that_the_caller_sees_of_any_board_or_task,
    "Query.activityMetrics": counts.test_metrics_count_what_the_caller_sees,
    "Query.eventTypes": directory.test_catalogue_is_the_same_for_every_caller,
    "Query.boards": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "Query.agents": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "Query.users": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "Query.tasks": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "Mutation.logActivity": writes.test_event_is_logged_where_the_caller_may_write_and_nowhere_else,
    "Mutation.logActivities": writes.test_batch_is_logged_where_the_caller_may_write_and_nowhere_else,
    "Mutation.addTaskComment": writes.test_comment_is_added_where_the_caller_may_write_and_nowhere_else,
    "Mutation.syncDirectory": writes.test_only_a_service_synchronises_the_directory,
    "Subscription.commentAdded": streams.test_each_caller_is_sent_what_it_may_see_and_nothing_else,
    "Subscription.activityLogged": streams.test_each_caller_is_sent_what_it_may_see_and_nothing_else,
}
INNER_FIELDS: dict[str, Test] = {
    "ActivityEvent.board": events.test_single_event_is_shown_to_who_sees_it_and_absent_to_all_others,
    "ActivityEvent.task": events.test_single_event_is_shown_to_who_sees_it_and_absent_to_all_others,
    "ActivityEventConnection.nodes": events.test_list_holds_what_the_caller_sees_and_counts_the_same,
    "ActivityEventConnection.totalCount": events.test_list_holds_what_the_caller_sees_and_counts_the_same,
    "ActivityEventEdge.node": events.test_list_holds_what_the_caller_sees_and_counts_the_same,
    "ActivityMetrics.series": counts.test_metrics_count_what_the_caller_sees,
    "ActivityMetrics.breakdown": counts.test_metrics_count_what_the_caller_sees,
    "AddTaskCommentPayload.comment": writes.test_comment_is_added_where_the_caller_may_write_and_nowhere_else,
    "Agent.board": directory.test_node_shows_what_the_caller_sees_and_answers_all_else_like_absent,
    "AgentConnection.nodes": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "AgentEdge.node": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "AuditTrail.contributors": counts.test_audit_trail_is_what_the_caller_sees_of_an_entity,
    "AuditTrail.firstEvent": counts.test_audit_trail_is_what_the_caller_sees_of_an_entity,
    "AuditTrail.lastEvent": counts.test_audit_trail_is_what_the_caller_sees_of_an_entity,
    "BoardAccess.board": directory.test_viewer_says_who_where_and_which_boards,
    "BoardConnection.nodes": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "BoardEdge.node": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "LogActivitiesPayload.events": writes.test_batch_is_logged_where_the_caller_may_write_and_nowhere_else,
    "LogActivityPayload.event": writes.test_event_is_logged_where_the_caller_may_write_and_nowhere_else,
    "Task.board": changes.test_task_that_moved_to_a_hidden_board_keeps_that_board_secret,
    "TaskComment.board": changes.test_task_that_moved_to_a_hidden_board_keeps_that_board_secret,
    "TaskComment.task": changes.test_task_that_moved_to_a_hidden_board_keeps_that_board_secret,
    "TaskCommentConnection.nodes": events.test_comments_are_those_that_the_caller_sees_of_any_board_or_task,
    "TaskCommentConnection.totalCount": events.test_comments_are_those_that_the_caller_sees_of_any_board_or_task,
    "TaskCommentEdge.node": events.test_comments_are_those_that_the_caller_sees_of_any_board_or_task,
    "TaskConnection.nodes": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "TaskEdge.node": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "UserConnection.nodes": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "UserEdge.node": directory.test_lists_by_name_hold_what_the_caller_may_see,
    "Viewer.boards": directory.test_viewer_says_who_where_and_which_boards,
    "Viewer.workspace": directory.test_viewer_says_who_where_and_which_boards,
    "Viewer.workspaces": directory.test_viewer_says_who_where_and_which_boards,
}
ROOTS = ("Query", "Mutation", "Subscription")


def fields() -> Iterator[tuple[str, str, str]]:
    """Type, field, and the name of the type that it gives, for all that the schema offers."""
    for name, kind in build()._schema.type_map.items():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not name.startswith("__"):
            for field, definition in kind.fields.items():
                yield name, field, get_named_type(definition.type).name


def test_every_root_field_is_in_the_matrix() -> None:
    assert {f"{name}.{field}" for name, field, _ in fields() if name in ROOTS} == set(ROOT_FIELDS)


def test_every_way_to_a_scoped_row_is_in_the_matrix() -> None:
    ways = {f"{name}.{field}" for name, field, gives in fields() if name not in ROOTS and gives in SCOPED}
    assert ways == set(INNER_FIELDS)


def test_every_type_with_an_identity_counts_as_scoped() -> None:
    nodes = {
        name
        for name, kind in build()._schema.type_map.items()
        if isinstance(kind, GraphQLObjectType) and any(interface.name == "Node" for interface in kind.interfaces)
    }
    assert nodes == SCOPED - {"Node", "BoardAccess", "Count", "MetricPoint", "Breakdown", "ActorActivity"}


def test_every_named_test_asks_as_every_caller_or_says_of_whom() -> None:
    """A matrix of one caller would be none: each of the tests takes the caller as a parameter, or speaks as several itself."""
    alone = {
        streams.test_each_caller_is_sent_what_it_may_see_and_nothing_else,
        changes.test_task_that_moved_to_a_hidden_board_keeps_that_board_secret,
    }
    for test in {*ROOT_FIELDS.values(), *INNER_FIELDS.values()} - alone:
        assert "caller" in test.__annotations__, test.__name__
