"""The text of a document, looked at before anything is built of it: how long, how many tokens, how deep its brackets.

The parser descends into brackets and reads texts a character at a time in Python; what it would choke on or take long over is
seen here first, by one pass of a regular expression that stops at the first excess. Where the text is no GraphQL, the pass
ends: the parser ends there too, and says why.
"""

import re

from schema.limits import Limits

# Section 2.1 of the specification; a text that does not end is one all the same, because the parser reads it to where it should.
# Every repetition is possessive: nothing is tried twice.
_TOKEN = re.compile(
    r"""
    [\ufeff\t\n\r\ ,]*+
    (?: (?P<opening> [\[{(] )
      | (?P<closing> [\]})] )
      | (?P<number> -?[0-9]++ (?:\.[0-9]++)?+ (?:[eE][+-]?+[0-9]++)?+ )
      | (?P<word> \"{3} (?: [^"\\]++ | "(?!"") | \\(?:\"{3})?+ )*+ (?:\"{3})?+
                | " (?!"") (?: [^"\\\n\r]++ | \\. )*+ "?+
                | [_A-Za-z][_0-9A-Za-z]*+
                | \#[^\n\r]*+ )
      | \.\.\. | [!$&:=@|] )
    """,
    re.VERBOSE,
)


def find_excess_of_text(text: str, limits: Limits) -> str | None:
    """The bound that the text is beyond, if any."""
    if len(text) > limits.document_bytes_max or len(text.encode(errors="surrogatepass")) > limits.document_bytes_max:
        return "document_bytes_max"
    tokens = nesting = words_length = position = 0
    while (token := _TOKEN.match(text, position)) is not None:
        position = token.end()
        tokens += 1
        if tokens > limits.document_tokens_max:
            return "document_tokens_max"
        match token.lastgroup:
            case "opening":
                nesting += 1
                if nesting > limits.document_nesting_max:
                    return "document_nesting_max"
            case "closing":
                nesting -= 1
            case "word":
                words_length += len(token["word"])
                if words_length > limits.document_words_length_max:
                    return "document_words_length_max"
            case "number":
                if len(token["number"]) > limits.number_digits_max:
                    return "number_digits_max"
    return None
