"""`fleet`: what a maintainer asks beside `pulumi`: is the data right, what was born on hosts, how is the control plane.

Verbs over the data read it and write files for review. Verbs over the control plane go through its public names, with
the tokens of the person who asks; none changes a machine, a record or a state of the engine.
"""
