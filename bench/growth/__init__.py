"""What the hot reads and writes cost as the log grows, beside plain Strawberry with an ORM and beside no GraphQL at all."""
