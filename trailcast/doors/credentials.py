"""Finds the one credential that a request or a socket presents. Looks nothing up, and never repeats what it read."""

from collections.abc import Mapping
from uuid import UUID

from trailcast.access.principal import Credentials
from trailcast.access.tokens import parse_token
from trailcast.errors import Unauthenticated
from trailcast.records import ActorKind

# Browsers cannot set headers on a socket, so the same names travel in `connection_init`, spelled as clients like to.
AUTHORIZATION = ("authorization",)
AGENT_TOKEN = ("x-agent-token", "xagenttoken", "x_agent_token", "agenttoken")
WORKSPACE = ("x-workspace", "workspace", "xworkspace", "x_workspace")


def find_credentials(presented: Mapping[str, object]) -> Credentials | None:
    """The credential in headers or in the payload of `connection_init`; None where there is none.

    Raises Unauthenticated for one that cannot be right: two at once, another scheme, not a token, not a workspace's id.
    """
    values = {name.lower(): value for name, value in presented.items()}
    authorization, agent_token = _first(values, AUTHORIZATION), _first(values, AGENT_TOKEN)
    if authorization is None and agent_token is None:
        return None
    if authorization is not None and agent_token is not None:
        raise Unauthenticated("Send one credential: Authorization or X-Agent-Token, not both.")
    text = agent_token
    if authorization is not None:
        scheme, _, text = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated
    token = parse_token((text or "").strip())
    if token is None or (agent_token is not None and token.kind is not ActorKind.AGENT):
        raise Unauthenticated
    workspace = _first(values, WORKSPACE)
    try:
        return Credentials(token, None if workspace is None else UUID(workspace.strip()))
    except ValueError:
        raise Unauthenticated from None


def _first(values: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, str) and value:
            return value
        if value is not None and not isinstance(value, str):
            raise Unauthenticated
    return None
