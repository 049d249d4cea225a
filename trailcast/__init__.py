"""Trailcast: the engine and its doors. Everything that is neither contract, use case, table nor migration lives here."""
