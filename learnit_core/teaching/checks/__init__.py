"""Checks of the notebooks' exercises: one for each, called with the student's function and prediction.

A check gives a :class:`Verdict`: what it says, and whether the exercise is solved. Inputs are random, new ones at each
call; with ``seed`` they are the same again. ``judge`` says how answers are compared, and how mistakes are named.
"""

from learnit_core.teaching.checks.images import decibels as decibels
from learnit_core.teaching.checks.images import mixture as mixture
from learnit_core.teaching.checks.images import reptile_gradient as reptile_gradient
from learnit_core.teaching.checks.images import shuffled_layer as shuffled_layer
from learnit_core.teaching.checks.images import steps_to_match as steps_to_match
from learnit_core.teaching.checks.judge import Verdict as Verdict
from learnit_core.teaching.checks.light import gap as gap
from learnit_core.teaching.checks.light import moved as moved
from learnit_core.teaching.checks.light import right_half as right_half
from learnit_core.teaching.checks.light import square as square
from learnit_core.teaching.checks.light import way as way
from learnit_core.teaching.checks.own import error_of as error_of
from learnit_core.teaching.checks.own import field_for as field_for
from learnit_core.teaching.checks.own import nearest as nearest
from learnit_core.teaching.checks.own import positions as positions
from learnit_core.teaching.checks.own import splits as splits
from learnit_core.teaching.checks.slices import full_turn as full_turn
from learnit_core.teaching.checks.slices import projection_matrix as projection_matrix
from learnit_core.teaching.checks.slices import sinogram_loss as sinogram_loss
from learnit_core.teaching.checks.slices import two_projections as two_projections
from learnit_core.teaching.checks.slices import unmeasured as unmeasured
from learnit_core.teaching.checks.start import first_order as first_order
from learnit_core.teaching.checks.start import inner_loop as inner_loop
from learnit_core.teaching.checks.start import off_class as off_class
from learnit_core.teaching.checks.start import reptile_step as reptile_step
from learnit_core.teaching.checks.start import support_and_query as support_and_query
from learnit_core.teaching.checks.views import alphas as alphas
from learnit_core.teaching.checks.views import composite as composite
from learnit_core.teaching.checks.views import depth as depth
from learnit_core.teaching.checks.views import direction as direction
from learnit_core.teaching.checks.views import recognised as recognised
