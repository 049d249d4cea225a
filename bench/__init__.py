"""Benchmarks: programs that measure what a promise of speed is worth on the machine at hand.

Each is a package of its own and runs from the root of the tree with its environment (`python -m bench.NAME`). Nothing of the
product imports them, and they use the product as its users do wherever that can be. `README.md` says what they measure, how,
and what came out last.
"""
