"""`fleet`: what a maintainer asks of the data beside `pulumi`: is it right, what was born on hosts, a picture.

It reads the data and a stack's outputs and writes files for review. It never changes a machine, a record or a state.
"""
