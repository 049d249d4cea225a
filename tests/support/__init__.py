"""What tests are made of: a world, clients, servers."""
