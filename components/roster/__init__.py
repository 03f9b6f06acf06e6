"""People: who may do what where on a day, and what a change means, in words."""
