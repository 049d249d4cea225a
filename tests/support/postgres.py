"""How PostgreSQL runs under tests: real, but allowed to forget on a crash of the machine."""

TEST_PARAMETERS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "128MB",
}
