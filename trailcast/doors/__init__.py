"""The doors: HTTP and sockets, health, pages. Here bytes become calls and errors become status and close codes."""
