"""Hostile files, end to end through the command line."""
