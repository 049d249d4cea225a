"""Finds the one credential that a request or a socket presents, and has a JWT verified. Looks up nobody, and repeats nothing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from trailcast.access.principal import Credentials, Presented
from trailcast.access.tokens import Jwt, has_shape_of_jwt, parse_token
from trailcast.errors import Unauthenticated
from trailcast.records import ActorKind

if TYPE_CHECKING:
    from trailcast.access.sign_in import SignIn

# Browsers cannot set headers on a socket, so the same names travel in `connection_init`, spelled as clients like to.
AUTHORIZATION = ("authorization",)
AGENT_TOKEN = ("x-agent-token", "xagenttoken", "x_agent_token", "agenttoken")
WORKSPACE = ("x-workspace", "workspace", "xworkspace", "x_workspace")


async def read_credentials(presented: Mapping[str, object], sign_in: "SignIn | None") -> Presented | None:
    """What headers or the payload of `connection_init` present, a JWT verified; None where there is no credential.

    Raises Unauthenticated, and Unavailable where a JWT cannot be verified at the moment.
    """
    found = find_credentials(presented)
    if not isinstance(found, Jwt):
        return found
    if sign_in is None:
        raise Unauthenticated
    return await sign_in.identify(found)


def find_credentials(presented: Mapping[str, object]) -> Credentials | Jwt | None:
    """The credential in headers or in the payload of `connection_init`; None where there is none.

    Raises Unauthenticated for one that cannot be right: two at once, another scheme, no token, not a workspace's id.
    """
    authorization, agent_token = _all(presented, AUTHORIZATION), _all(presented, AGENT_TOKEN)
    if not authorization and not agent_token:
        return None
    if len(authorization) + len(agent_token) > 1:
        raise Unauthenticated("Send one credential: Authorization or X-Agent-Token, not both.")
    text = agent_token[0] if agent_token else ""
    if authorization:
        scheme, _, text = authorization[0].strip().partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated
    workspaces, text = _all(presented, WORKSPACE), text.strip()
    if len(workspaces) > 1:
        raise Unauthenticated("Name one workspace: X-Workspace was sent twice.")
    try:
        workspace_id = UUID(workspaces[0].strip()) if workspaces else None
    except ValueError:
        raise Unauthenticated from None
    if authorization and has_shape_of_jwt(text):
        return Jwt(text, workspace_id)
    token = parse_token(text)
    if token is None or (agent_token and token.kind is not ActorKind.AGENT):
        raise Unauthenticated
    return Credentials(token, workspace_id)


def _all(presented: Mapping[str, object], names: tuple[str, ...]) -> list[str]:
    """What stands under these names, in any case; a header may come twice."""
    values = [value for name, value in presented.items() if name.lower() in names and value not in {None, ""}]
    if not all(isinstance(value, str) for value in values):
        raise Unauthenticated
    return [str(value) for value in values]
