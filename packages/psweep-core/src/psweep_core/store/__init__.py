"""Everything that touches the disk: studies, journals, databases, files."""
