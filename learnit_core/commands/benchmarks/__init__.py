"""What ``make bench`` times besides the paper's shapes, which stand in ``bench.py`` of each experiment.

everyday   every experiment in the size of its notebook: outer step, fit, drawing, slider frame, compiling
many       fits of many signals against one after the other, and what each change is worth
start      the learned start that both fits of many begin with, and the pictures that it has not seen
sets       ``make networks`` whole, from files to a set
scaling    an outer step against size, width, inner steps and batch; fits of many signals against devices
page       docs/benchmarks.md, made of the records of all
"""
