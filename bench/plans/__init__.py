"""What PostgreSQL reads for a page, whichever filters are used together: counted at any size of the log."""
