"""How long a browser takes from a link to the first event of the console's feed."""
