"""Rows and DataFrames, and how one becomes the other. No disk."""
