"""How documents become reads: from selections to columns."""
