"""Build params, hash them, and fingerprint the code of functions. Nothing here knows the database."""
