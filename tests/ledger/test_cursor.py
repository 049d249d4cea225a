"""Cursors: what was encoded comes back; anything else, however little it differs, is refused and never means another place."""

import base64
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from trailcast.errors import BadCursor
from trailcast.ledger.cursor import (
    CURSOR_LENGTH_MAX,
    DIRECTORY,
    LOG,
    decode_name,
    decode_sequence,
    encode_name,
    encode_sequence,
)

WORKSPACE = UUID("0b0e2c4e-7a0e-4f8e-9d2c-0c2f3a4b5c6d")
PROMISED = "AWUAAAAAAA9CQOf_EEIOlmoS"
KINDS = sorted(DIRECTORY.values())
URL_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
sequences = st.integers(0, 2**63 - 1)


@given(st.uuids(), sequences)
def test_a_sequence_comes_back(workspace_id: UUID, sequence: int) -> None:
    cursor = encode_sequence(workspace_id, sequence)
    assert decode_sequence(workspace_id, cursor) == sequence
    assert set(cursor) <= URL_SAFE


@given(st.uuids(), st.sampled_from(KINDS), st.text(max_size=1000), st.uuids())
def test_a_name_comes_back(workspace_id: UUID, kind: bytes, name: str, entry_id: UUID) -> None:
    cursor = encode_name(kind, workspace_id, name, entry_id)
    assert decode_name(kind, workspace_id, cursor) == (name, entry_id)
    assert set(cursor) <= URL_SAFE


@given(sequences, st.data())
def test_a_cursor_with_one_character_changed_is_refused(sequence: int, data: st.DataObject) -> None:
    cursor = encode_sequence(WORKSPACE, sequence)
    place = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from(sorted(URL_SAFE - {cursor[place]})))
    with pytest.raises(BadCursor):
        decode_sequence(WORKSPACE, cursor[:place] + other + cursor[place + 1 :])


@given(sequences, st.data())
def test_a_cursor_that_was_cut_or_lengthened_is_refused(sequence: int, data: st.DataObject) -> None:
    cursor = encode_sequence(WORKSPACE, sequence)
    cut = cursor[: data.draw(st.integers(0, len(cursor) - 1))]
    longer = cursor + data.draw(st.text(min_size=1, max_size=8))
    for altered in (cut, longer, " " + cursor, cursor + "=", cursor + "\n"):
        with pytest.raises(BadCursor):
            decode_sequence(WORKSPACE, altered)


@given(st.text())
@example("")
@example("é")
@example("=" * 4)
@example("A" * (CURSOR_LENGTH_MAX + 1))
@example(base64.urlsafe_b64encode(b"\x01e").decode())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        decode_sequence(WORKSPACE, text)
    with pytest.raises(BadCursor):
        decode_name(KINDS[0], WORKSPACE, text)


@given(sequences, st.uuids())
def test_a_cursor_of_another_workspace_is_refused(sequence: int, other: UUID) -> None:
    assume(other != WORKSPACE)
    with pytest.raises(BadCursor):
        decode_sequence(other, encode_sequence(WORKSPACE, sequence))


def test_a_cursor_of_another_kind_of_list_is_refused() -> None:
    places = {LOG: encode_sequence(WORKSPACE, 1)} | {kind: encode_name(kind, WORKSPACE, "x", uuid4()) for kind in KINDS}
    assert len(set(places.values())) == len(places) == 5
    for made_as, cursor in places.items():
        if made_as != LOG:
            with pytest.raises(BadCursor):
                decode_sequence(WORKSPACE, cursor)
        for read_as in KINDS:
            if read_as != made_as:
                with pytest.raises(BadCursor):
                    decode_name(read_as, WORKSPACE, cursor)


def test_a_cursor_is_the_same_in_every_process_and_release() -> None:
    """Clients keep cursors for years: this one must be read by every version to come."""
    assert encode_sequence(WORKSPACE, 1_000_000) == PROMISED
    assert decode_sequence(WORKSPACE, PROMISED) == 1_000_000
