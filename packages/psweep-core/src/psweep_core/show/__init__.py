"""Show studies and runs to people: tables, bars, tracebacks, the closing line."""
