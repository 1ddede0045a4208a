"""What keeps the project in order: generated files, lint, README's pictures. Needs a checkout; not in the wheel."""
