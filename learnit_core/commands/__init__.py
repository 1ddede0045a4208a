"""What the Makefile calls: ``python -m learnit_core.commands.NAME``."""

from learnit_core import names

names.print_anything()
