"""The use cases: who may see or do it, then hand over. Plain functions over plain records; no GraphQL, no SQL."""
