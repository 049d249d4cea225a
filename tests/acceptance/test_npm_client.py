"""The npm graphql-ws client against real server processes: it asks, writes, follows, and goes on by itself over any cut."""

from tests.acceptance.acme import Acme
from tests.acceptance.conftest import Serve
from tests.acceptance.npm import Node, running_node


async def test_it_asks_writes_and_follows_and_goes_on_after_kills_without_loss_or_repeat(
    serve: Serve, acme: Acme
) -> None:
    first, second = await serve(), await serve()
    said = ["from Node"]
    arguments = (first.ws, acme.world.token("owner"), acme.cursor(acme.end))
    async with running_node("client.mjs", *arguments) as process:
        node = Node(process)
        assert await node.value("connected") == "first"
        viewer = {"actor": {"kind": "USER", "name": "Olive"}, "workspace": {"name": "Acme"}}
        assert await node.value("query") == {"data": {"viewer": viewer}}
        payload = {"event": {"message": "from Node", "actor": {"name": "Olive"}}, "replayed": False, "errors": []}
        assert await node.value("mutation") == {"data": {"logActivity": payload}}
        refusal = await node.value("refusal")
        assert [error["extensions"]["code"] for error in refusal["errors"]] == ["NOT_FOUND"]
        received = await node.events(1)
        for _ in range(2):
            live, missed = acme.messages(5), acme.messages(5)
            await acme.say(first, *live)
            received += await node.events(5)
            await first.kill()
            await acme.say(second, *missed)
            await first.start()
            received += await node.events(5)
            said += live + missed
    assert received == acme.expected(said)
