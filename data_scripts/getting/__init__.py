"""What the scripts share. Read in this order:

manifest      where the sets live: sources.toml
kinds         is a file what it should be, or a web page under its name?
fetch         one file over HTTP, resumed and verified
mirrors       the same through other people's tools; the next source when one fails
shards        parquet files, row by row
archives      what is inside folders, tar, zip and parquet files, without unpacking them
output        writing the prepared form, whole or not at all
pictures      names → splits → a prepared set of pictures
volumes       what scanners of CT write, and numpy and TIFF → volumes in Hounsfield units
dicom, nifti  the same of these two formats
stack         volumes → splits → a prepared set of slices
scenes        posed pictures → a prepared set of objects
colmap, ply   cameras and points in the files of COLMAP and nerfstudio
lenses        distortion taken out of pictures
places        photographs with cameras, from any of these
photographs   these → a prepared collection
commandline   arguments, messages and exit codes
report        what would be done, and what was made
"""

import sys
from pathlib import Path

try:  # what every script needs, so that the wrong Python is named once and in one sentence
    import numpy  # noqa: F401
    import PIL  # noqa: F401
    import pooch  # noqa: F401
    import tqdm  # noqa: F401

    import learnit_core.errors  # noqa: F401
except ImportError as error:
    name = Path(sys.argv[0]).name
    sys.exit(f"{name}: {error}. Run it with the project's own Python: .venv/bin/python data_scripts/{name}")
