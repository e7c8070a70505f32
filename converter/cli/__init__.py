"""The command line: one module for each verb; they parse, call and print."""
