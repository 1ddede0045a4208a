"""README's pictures from figures that were made before: ``make pictures``."""

import argparse
from pathlib import Path

from PIL import Image

import learnit_core
from learnit_core.experiments.settings import Settings

PICTURES = {
    "two_steps": ("01_image_regression", "large"),
    "interpolation": ("01_image_regression", "interpolation_large"),
    "one_slice": ("02_ct_reconstruction", "reconstructions"),
    "one_view": ("views_sheet", "one_view"),
    "appearances": ("04_phototourism", "grids"),
}
"""Name in docs/images, and the notebook (or command) and figure that it is made from."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="learnit_core.commands.upkeep.pictures", description=__doc__.splitlines()[0])
    target = Path(learnit_core.__file__).parents[1] / "docs" / "images"
    parser.add_argument("--target", type=Path, default=target)
    parser.add_argument("--names", nargs="*", default=list(PICTURES), choices=list(PICTURES))
    arguments = parser.parse_args()
    arguments.target.mkdir(parents=True, exist_ok=True)
    for name in arguments.names:
        maker, figure = PICTURES[name]
        source = Settings.from_env().out / maker / "figures" / f"{figure}.png"
        if not source.is_file():
            other = f"python -m learnit_core.commands.upkeep.{maker}"
            command = f"make demo NOTEBOOK={maker}" if maker[0].isdigit() else other
            parser.exit(1, f"no figure at {source}: run `{command}` first\n")
        # A palette keeps grey pictures as they are and each file well below 200 kB.
        file = arguments.target / f"{name}.png"
        Image.open(source).convert("RGB").quantize(256).save(file, optimize=True)
        print(f"wrote {file} ({file.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main()
