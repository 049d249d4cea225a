"""Fan-out: what it costs one process, and how long it takes, to hand each comment to everybody who subscribed to its board.

Three servers are measured one after the other, by the same publisher and the same sockets: `trailcast`, the product as it is run;
`floor`, a bare loop over ASGI's `send`, below which no Python server on uvicorn comes; `stock`, Strawberry as its documentation
shows it.

The parts: `comments` (what is sent); `floor`, `stock`, `plain` and `servers` (who serves, and their processes); `ledger` and
`publishing` (the publisher); `client` and `wire` (the sockets, in a process of their own) and `crowd` (that process seen from
outside); `probing` and `machine`; `measuring` (one run), `comparing` (all) and `report`.
"""
