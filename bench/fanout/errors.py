"""How a run ends that cannot go on."""


class Failed(Exception):
    """What was seen, in a sentence, with the counts that there are."""
