"""Content negotiation between GraphQL's own media type and plain JSON."""

import pytest

from trailcast.doors.media import JSON_MEDIA, RESPONSE_MEDIA, negotiate


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("", JSON_MEDIA),
        ("*/*", JSON_MEDIA),
        ("application/*", JSON_MEDIA),
        ("application/json", JSON_MEDIA),
        ("text/html", JSON_MEDIA),
        ("application/graphql-response+json", RESPONSE_MEDIA),
        ("application/graphql-response+json; charset=utf-8, application/json; q=0.9", RESPONSE_MEDIA),
        ("application/graphql-response+json; q=0.1, application/json", JSON_MEDIA),
        ("application/graphql-response+json; q=nonsense", JSON_MEDIA),
    ],
)
def test_the_answer_has_the_media_type_that_was_asked_for(accept: str, media: str) -> None:
    assert negotiate(accept) == media
