"""Where units are measured: an executor has seats, processes that do one task at a time."""
