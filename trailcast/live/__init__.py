"""The live feed: a doorbell that wakes each process once per commit, a hub that reads once, feeds that lose nothing."""
