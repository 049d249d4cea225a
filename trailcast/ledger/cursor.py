"""Cursors: a position in a list, opaque to clients, bound to one workspace and one kind of list.

The bytes, in URL-safe base64 without padding: a version (1), the kind (one letter), the position, and the first 8 bytes of
SHA-256 over version, kind, workspace and position. The digest is no secret: it tells an altered cursor, or one of another
workspace or list, from a good one, and a forged one would gain nothing, since every read is scoped anyway.
"""

import base64
import binascii
import hashlib
from uuid import UUID

import orjson

from trailcast.errors import BadCursor

VERSION = b"\x01"
LOG = b"e"  # a place in the log: events and comments, in queries and in feeds alike
DIRECTORY = {"boards": b"b", "agents": b"a", "users": b"u", "tasks": b"t"}
DIGEST_BYTES = 8
SEQUENCE_BYTES = 8
CURSOR_LENGTH_MAX = 4096


def encode_sequence(workspace_id: UUID, sequence: int) -> str:
    """The cursor of the event with this sequence."""
    return _encode(LOG, workspace_id, sequence.to_bytes(SEQUENCE_BYTES, "big"))


def decode_sequence(workspace_id: UUID, cursor: str) -> int:
    """The sequence that a cursor stands for. Raises BadCursor."""
    position = _decode(LOG, workspace_id, cursor)
    if len(position) != SEQUENCE_BYTES:
        raise BadCursor
    return int.from_bytes(position, "big")


def encode_name(kind: bytes, workspace_id: UUID, name: str, entry_id: UUID) -> str:
    """The cursor of a directory entry in a list by name."""
    return _encode(kind, workspace_id, orjson.dumps([name, str(entry_id)]))


def decode_name(kind: bytes, workspace_id: UUID, cursor: str) -> tuple[str, UUID]:
    """The name and id that a cursor stands for. Raises BadCursor."""
    name, entry_id = orjson.loads(_decode(kind, workspace_id, cursor))
    return name, UUID(entry_id)


def _encode(kind: bytes, workspace_id: UUID, position: bytes) -> str:
    head = VERSION + kind
    raw = head + position + _digest(head, workspace_id, position)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(kind: bytes, workspace_id: UUID, cursor: str) -> bytes:
    try:
        if len(cursor) > CURSOR_LENGTH_MAX:
            raise BadCursor
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadCursor from error
    head, position, digest = raw[:2], raw[2:-DIGEST_BYTES], raw[-DIGEST_BYTES:]
    # Re-encoding refuses the other spellings of the same bytes (base64 has spare bits), so a cursor is one string.
    if (
        head != VERSION + kind
        or digest != _digest(head, workspace_id, position)
        or _encode(kind, workspace_id, position) != cursor
    ):
        raise BadCursor
    return position


def _digest(head: bytes, workspace_id: UUID, position: bytes) -> bytes:
    return hashlib.sha256(head + workspace_id.bytes + position).digest()[:DIGEST_BYTES]
