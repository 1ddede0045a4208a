"""What the scripts share. Read in this order:

manifest      where the sets live: sources.toml
fetch         one file over HTTP, resumed and verified
mirrors       the same through other people's tools; the next source when one fails
archives      what is inside folders, tar, zip and parquet files, without unpacking them
output        writing the prepared form, whole or not at all
pictures      names → splits → a prepared set of pictures
scenes        posed pictures → a prepared set of objects
photographs   a COLMAP model → a prepared collection of photographs
commandline   arguments, messages and exit codes
"""
