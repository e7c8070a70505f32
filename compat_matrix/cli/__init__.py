"""The verbs `matrix` and `batch`."""
