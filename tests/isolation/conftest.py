"""What tests of isolation share: the database as its owner sees it."""

from tests.ledger.conftest import owner

__all__ = ["owner"]
