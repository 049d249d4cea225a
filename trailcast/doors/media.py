"""Which media type an answer has: GraphQL over HTTP's own where asked for, plain JSON otherwise."""

from functools import lru_cache

RESPONSE_MEDIA = "application/graphql-response+json"
JSON_MEDIA = "application/json"
HEADERS_KEPT_MAX = 100  # most clients send one of a few


@lru_cache(maxsize=HEADERS_KEPT_MAX)
def negotiate(accept: str) -> str:
    """The better of the two by the client's `Accept`; wildcards and silence mean plain JSON, as older clients expect."""
    best, best_quality = JSON_MEDIA, 0.0
    for part in accept.split(","):
        media, *parameters = (piece.strip() for piece in part.lower().split(";"))
        quality = _quality(parameters)
        kind = RESPONSE_MEDIA if media == RESPONSE_MEDIA else JSON_MEDIA
        if media in {RESPONSE_MEDIA, JSON_MEDIA, "application/*", "*/*"} and quality > best_quality:
            best, best_quality = kind, quality
    return best


@lru_cache(maxsize=HEADERS_KEPT_MAX)
def is_json(content_type: str) -> bool:
    """Whether a body of this type is read: JSON exactly, not what only begins so, and in no other encoding than UTF-8."""
    media, *parameters = (piece.strip().lower() for piece in content_type.split(";"))
    charsets = [parameter.partition("=")[2].strip('"') for parameter in parameters if parameter.startswith("charset=")]
    return media == JSON_MEDIA and all(charset in {"utf-8", "utf8"} for charset in charsets)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
