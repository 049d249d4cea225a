"""Who may write where × every caller: hidden and absent are refused alike to the byte, and a refusal leaves and rings nothing."""

from typing import Any

import pytest

from tests.access.conftest import Asking
from tests.access.effects import Bell, contents
from tests.access.rules import ABSENT, ACTORS, CALLERS, SEE_EVERYTHING, workspace_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Beside owners, admins and services, who write everywhere in their workspace. Whoever is not named here cannot even see it.
MAY_WRITE = {"alpha": "member bot builder", "beta": "bot", "gamma": "bot", "globex_board": "globex_agent"}
MAY_ONLY_READ = {"beta": "member"}
BOARD_OF_TASK = {
    "alpha_task": "alpha", "beta_task": "beta", "gamma_task": "gamma", "globex_task": "globex_board", "loose_task": None,
}  # fmt: skip
HOME_OF = {"alpha": "acme", "beta": "acme", "gamma": "acme", "globex_board": "globex", None: "acme"}

LOG_ACTIVITY = """mutation($input: LogActivityInput!) { logActivity(input: $input) {
  event { actorId boardId taskId } replayed errors { code message path } } }"""
LOG_ACTIVITIES = """mutation($inputs: [LogActivityInput!]!) { logActivities(inputs: $inputs) {
  events { actorId boardId taskId } errors { code message path } } }"""
ADD_TASK_COMMENT = """mutation($task: ID!) { addTaskComment(taskId: $task, message: "Read this") {
  comment { author { id } boardId taskId } replayed errors { code message path } } }"""


def verdict(caller: str, board: str | None) -> str | None:
    """None where the caller may write, otherwise the code of the refusal."""
    if caller in SEE_EVERYTHING[HOME_OF[board]] or caller in MAY_WRITE.get(board or "", "").split():
        return None
    return "FORBIDDEN" if caller in MAY_ONLY_READ.get(board or "", "").split() else "NOT_FOUND"


def error(code: str, field: str, *path: str) -> dict[str, Any]:
    messages = {
        "NOT_FOUND": f"Nothing with this {field} is visible to you.",
        "FORBIDDEN": "You may read this board but not write to it.",
    }
    return {"code": code, "message": messages[code], "path": [*path, field]}


def places(caller: str) -> list[tuple[dict[str, str], str | None, str | None, str | None]]:
    """(input field and name, board, task, verdict) for every place that an event could be put."""
    boards = [({"boardId": board}, board, None, verdict(caller, board)) for board in MAY_WRITE]
    tasks = [({"taskId": task}, board, task, verdict(caller, board)) for task, board in BOARD_OF_TASK.items()]
    absent = [({field: ABSENT}, None, None, "NOT_FOUND") for field in ("boardId", "taskId")]
    return [*boards, *tasks, *absent, ({}, None, None, None)]


def named(ask: Asking, place: dict[str, str]) -> dict[str, str]:
    return {field: name if name is ABSENT else ask.id(name) for field, name in place.items()}


async def check_refusals(
    tell: Asking, bell: Bell, caller: str, document: str, refused: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    """Each of (what is hidden, variables, expected data) is answered so; those of one code to the byte; nothing happened."""
    before = await contents(tell.shared.sql)
    answers: dict[str, tuple[int, bytes]] = {}
    for kind, variables, expected in refused:
        answer = await tell.raw(caller, document, variables)
        assert tell.shared.gql.last.json() == {"data": expected}, variables
        assert answers.setdefault(kind, answer) == answer, variables
    assert await contents(tell.shared.sql) == before
    assert await bell.rung() == []


async def check_accepted(tell: Asking, bell: Bell, caller: str, before: dict[str, str], written: int) -> None:
    """So many events were written by now, nothing else was touched, and the bell rang for this workspace and no other."""
    after = await contents(tell.shared.sql)
    assert int(after["events"]) == int(before["events"]) + written
    assert {name for name in after if after[name] != before[name]} == {"events", "heads"}
    assert {line.split()[1] for line in await bell.rung(at_least=1)} == {workspace_id(tell.world, CALLERS[caller].home)}


async def test_event_is_logged_where_the_caller_may_write_and_nowhere_else(
    tell: Asking, bell: Bell, caller: str
) -> None:
    refused, accepted = [], []
    for place, board, task, code in places(caller):
        variables = {"input": {"eventType": "custom.noted", **named(tell, place)}}
        if code is not None:
            [field] = place
            payload = {"event": None, "replayed": False, "errors": [error(code, field, "input")]}
            refused.append((code + field, variables, {"logActivity": payload}))
        else:
            event = {
                "actorId": tell.id(CALLERS[caller].token),
                "boardId": board and tell.id(board),
                "taskId": task and tell.id(task),
            }
            accepted.append((variables, {"logActivity": {"event": event, "replayed": False, "errors": []}}))
    await check_refusals(tell, bell, caller, LOG_ACTIVITY, refused)
    before = await contents(tell.shared.sql)
    for variables, expected in accepted:
        assert await tell.data(caller, LOG_ACTIVITY, variables) == expected
    await check_accepted(tell, bell, caller, before, len(accepted))


async def test_batch_is_logged_where_the_caller_may_write_and_nowhere_else(
    tell: Asking, bell: Bell, caller: str
) -> None:
    """One event that may not be written keeps the others of its batch out, too."""
    good = {"eventType": "custom.noted"}
    refused, accepted = [], []
    for place, board, task, code in places(caller):
        variables = {"inputs": [good, {**good, **named(tell, place)}]}
        if code is not None:
            [field] = place
            payload = {"events": [], "errors": [error(code, field, "inputs", "1")]}
            refused.append((code + field, variables, {"logActivities": payload}))
        else:
            actor = tell.id(CALLERS[caller].token)
            first = {"actorId": actor, "boardId": None, "taskId": None}
            second = {"actorId": actor, "boardId": board and tell.id(board), "taskId": task and tell.id(task)}
            accepted.append((variables, {"logActivities": {"events": [first, second], "errors": []}}))
    await check_refusals(tell, bell, caller, LOG_ACTIVITIES, refused)
    before = await contents(tell.shared.sql)
    for variables, expected in accepted:
        assert await tell.data(caller, LOG_ACTIVITIES, variables) == expected
    await check_accepted(tell, bell, caller, before, 2 * len(accepted))


async def test_comment_is_added_where_the_caller_may_write_and_nowhere_else(
    tell: Asking, bell: Bell, caller: str
) -> None:
    refused, accepted = [], []
    for place, board, task, code in places(caller):
        if "taskId" not in place:
            continue
        variables = {"task": named(tell, place)["taskId"]}
        if code is not None:
            payload = {"comment": None, "replayed": False, "errors": [error(code, "taskId")]}
            refused.append((code, variables, {"addTaskComment": payload}))
        else:
            comment = {
                "author": {"id": tell.id(CALLERS[caller].token)},
                "boardId": board and tell.id(board),
                "taskId": tell.id(task or ""),
            }
            accepted.append((variables, {"addTaskComment": {"comment": comment, "replayed": False, "errors": []}}))
    await check_refusals(tell, bell, caller, ADD_TASK_COMMENT, refused)
    before = await contents(tell.shared.sql)
    for variables, expected in accepted:
        assert await tell.data(caller, ADD_TASK_COMMENT, variables) == expected
    if accepted:
        await check_accepted(tell, bell, caller, before, len(accepted))


async def test_hidden_task_beside_a_visible_board_is_refused_like_an_absent_one(tell: Asking, bell: Bell) -> None:
    refused = [
        (
            "NOT_FOUND",
            {"input": {"eventType": "custom.noted", "boardId": tell.id("alpha"), "taskId": task}},
            {"logActivity": {"event": None, "replayed": False, "errors": [error("NOT_FOUND", "taskId", "input")]}},
        )
        for task in (tell.id("gamma_task"), tell.id("loose_task"), tell.id("globex_task"), ABSENT)
    ]
    await check_refusals(tell, bell, "member", LOG_ACTIVITY, refused)


@pytest.mark.parametrize("field", ["actor", "onBehalfOf"])
async def test_only_services_name_the_actor_and_nobody_names_one_of_another_workspace(
    tell: Asking, bell: Bell, caller: str, field: str
) -> None:
    home = CALLERS[caller].home
    strangers = {
        "acme": ("globex_owner", "globex_agent", ABSENT),
        "globex": ("owner", "bot", ABSENT),
    }[home]
    is_service = ACTORS[CALLERS[caller].token][0] == "SERVICE"
    refusal = error("NOT_FOUND", field, "input")
    if field == "actor" and not is_service:
        message = "Only a service may name the actor: leave actor out, and you are it."
        refusal = {"code": "FORBIDDEN", "message": message, "path": ["input", "actor"]}
    refused = [
        (
            refusal["code"],
            {
                "input": {
                    "eventType": "custom.noted",
                    field: {"kind": kind, "id": name if name is ABSENT else tell.id(name)},
                }
            },
            {"logActivity": {"event": None, "replayed": False, "errors": [refusal]}},
        )
        for name in strangers
        for kind in ([ACTORS[name][0]] if name in ACTORS else ["AGENT", "USER"])
    ]
    await check_refusals(tell, bell, caller, LOG_ACTIVITY, refused)


async def test_service_writes_as_any_actor_of_its_workspace(tell: Asking) -> None:
    for service, actors in (
        ("service", ("owner", "stranger", "bot", "builder", "service")),
        ("globex_service", ("globex_owner", "double", "globex_agent", "globex_service")),
    ):
        for name in actors:
            variables = {
                "input": {"eventType": "custom.noted", "actor": {"kind": ACTORS[name][0], "id": tell.id(name)}}
            }
            answer = await tell.data(service, LOG_ACTIVITY, variables)
            event = {"actorId": tell.id(name), "boardId": None, "taskId": None}
            assert answer == {"logActivity": {"event": event, "replayed": False, "errors": []}}


async def test_event_about_something_hidden_learns_nothing_of_it(tell: Asking) -> None:
    document = "mutation($input: LogActivityInput!) { logActivity(input: $input) { event { entityType entityName } errors { code } } }"
    for kind, names in {
        "task": ("gamma_task", ABSENT),
        "board": ("gamma", ABSENT),
        "agent": ("builder", ABSENT),
    }.items():
        for name in names:
            entity = {"type": kind, "id": name if name is ABSENT else tell.id(name)}
            answer = await tell.data("stranger", document, {"input": {"eventType": "custom.noted", "entity": entity}})
            assert answer == {"logActivity": {"event": {"entityType": kind, "entityName": None}, "errors": []}}


async def test_idempotency_key_of_one_workspace_says_nothing_in_another(tell: Asking) -> None:
    variables = {"input": {"eventType": "custom.noted", "idempotencyKey": "shared-by-chance"}}
    for caller in ("owner", "globex_owner"):
        event = {"actorId": tell.id(caller), "boardId": None, "taskId": None}
        answer = await tell.data(caller, LOG_ACTIVITY, variables)
        assert answer == {"logActivity": {"event": event, "replayed": False, "errors": []}}


async def test_only_a_service_synchronises_the_directory(tell: Asking, bell: Bell, caller: str) -> None:
    document = (
        "mutation($input: SyncDirectoryInput!) { syncDirectory(input: $input) { upserted errors { code path } } }"
    )
    is_service = ACTORS[CALLERS[caller].token][0] == "SERVICE"
    unknown = {"acme": "globex_board", "globex": "alpha"}[CALLERS[caller].home]
    membership = {"userId": tell.id("double"), "role": "OWNER", "grants": [{"boardId": tell.id(unknown)}]}
    before = await contents(tell.shared.sql)
    answer = await tell(caller, document, {"input": {"memberships": [membership]}})
    if is_service:
        path = ["input", "memberships", "0", "grants", "0", "boardId"]
        assert answer == {"data": {"syncDirectory": {"upserted": 0, "errors": [{"code": "NOT_FOUND", "path": path}]}}}
    else:
        assert answer["data"] is None
        assert [(entry["message"], entry["extensions"]) for entry in answer["errors"]] == [
            ("Only a service may synchronise the directory: use a service token.", {"code": "FORBIDDEN"})
        ]
    assert await contents(tell.shared.sql) == before
    assert await bell.rung() == []
