"""The fleet as typed data: what a stack's folder says, refused whole when any of it is wrong.

`load` reads a folder, `Fleet` is what comes out, `checks` are the rules over it, `schema` is the same for editors.
Nothing here knows Pulumi, a clock, the network or the environment.
"""

from model.errors import BadData, Problem
from model.fleet import Fleet
from model.load import load

__all__ = ["BadData", "Fleet", "Problem", "load"]
