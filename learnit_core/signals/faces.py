"""One hundred real faces at their native 25 x 25 grey pixels: the class "faces".

They are the first hundred pictures of ``skimage.data.lfw_subset()``, which lies in scikit-image's wheel (nothing
is downloaded): crops of Labeled Faces in the Wild (Huang et al., 2007), for research use. The second hundred of
that set are not faces.
"""

import numpy as np

NOTE = (
    "The first 100 pictures of scikit-image's lfw_subset (Labeled Faces in the Wild), split 70/10/20 by index; "
    "they carry no names, so it cannot be proved that no person is in two splits."
)
COUNTS = (70, 10, 20)


def splits(size: int, counts: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training, validation and test pictures, float32 [70, 10 and 20, 25, 25, 1]; the arguments have no effect."""
    from skimage import data  # here, because importing it takes a while

    pictures = data.lfw_subset()[: sum(COUNTS), :, :, None].astype(np.float32)
    return tuple(np.split(pictures, np.cumsum(COUNTS)[:2]))
