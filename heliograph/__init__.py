"""Heliograph: the Python client and the command line of a cloud messenger."""
