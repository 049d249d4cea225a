"""smoke"""
from tests.support.clients import Client, open_socket
from tests.support.serving import RunningServer
from tests.support.world import World


async def test_owner_lists(gql: Client, world: World) -> None:
    data = await gql.data("{ viewer { actor { name kind } workspace { name } boards { board { name } canWrite } workspaces { name } role } activityEvents(first: 3) { nodes { id cursor sequence eventType actor { name } board { name } task { title board { name } } route { name params } createdAt metadata changes { path before after } } totalCount { count isExact } pageInfo { hasNextPage endCursor } } }", token=world.token("owner"))
    import json
    print(json.dumps(data, indent=1))
    data = await gql.data("{ taskComments { nodes { message taskTitle boardName agentName author { name kind } route { name } } } auditTrail(entityType: \"task\", entityId: \"%s\") { entityName firstEvent { id } lastEvent { id } contributors { actor { name } count failed lastEventAt } events { nodes { sequence } totalCount { count } } } activityMetrics(since: \"2026-01-01T00:00:00Z\", bucket: MONTH) { total failed errorRatePct series { start total isPartial } breakdown(by: ACTOR) { key label total failed } } boards { nodes { name } } agents { nodes { name board { name } } } users { nodes { name } } tasks { nodes { title board { name } } } eventTypes { name } }" % world.id("alpha_task"), token=world.token("owner"))
    print(json.dumps(data, indent=1)[:6000])
    for name in ("alpha", "alpha_task", "bot", "member"):
        data = await gql.data("query($id: ID!) { node(id: $id) { __typename id } }", {"id": world.id(name)}, token=world.token("owner"))
        print(data)
    data = await gql.data("query($id: ID!) { node(id: $id) { __typename id ... on ActivityEvent { message } } }", {"id": world.events["bot_gamma"]}, token=world.token("owner"))
    print(data)


async def test_sub(gql: Client, server: RunningServer, world: World) -> None:
    async with open_socket(server.ws, world.token("member")) as s:
        await s.subscribe("subscription($b: ID) { commentAdded(boardId: $b) { id cursor message author { name } taskTitle } }", {"b": world.id("alpha")})
        print(await gql.data("mutation($t: ID!) { addTaskComment(taskId: $t, message: \"hi\") { comment { id message cursor author { name } } replayed errors { code message path } } }", {"t": world.id("alpha_task")}, token=world.token("bot")))
        print(await s.next())
