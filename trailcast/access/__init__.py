"""Who is calling, and what may it see and do: credentials, principals, and the one predicate."""
