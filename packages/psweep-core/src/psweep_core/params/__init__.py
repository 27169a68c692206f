"""Build params and hash them: dicts in, dicts out. No pandas frames, no disk."""
