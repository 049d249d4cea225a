"""The Node interface."""

import strawberry


@strawberry.interface(description="Something with an id of its own, found again by `node(id)` by whoever may see it.")
class Node:
    id: strawberry.ID = strawberry.field(description="UUID.")
