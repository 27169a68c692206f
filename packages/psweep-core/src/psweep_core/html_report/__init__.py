"""The web page about a study."""
