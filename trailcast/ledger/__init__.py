"""The log itself: how it is written, how it is read, in which order, and with what vocabulary."""
