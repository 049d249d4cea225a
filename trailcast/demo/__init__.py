"""The demo: two invented companies with a month of history, so that a first start has something to ask, follow and refuse.

`company` reads who they are, `story` invents what happened, `loading` writes it through the engine in one transaction, `handout`
keeps the tokens in `demo.json`, `live` goes on adding events. Nothing of the server depends on it.
"""
