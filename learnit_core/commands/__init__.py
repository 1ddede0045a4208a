"""What the Makefile calls: ``python -m learnit_core.commands.NAME``."""
