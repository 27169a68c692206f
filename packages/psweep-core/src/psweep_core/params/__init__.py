"""Build params, hash them, and fingerprint the code of functions; no database."""
