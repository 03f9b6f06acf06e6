"""How the data becomes resources: one folder a vertical, `plan.py` decides, `component.py` turns it into resources."""
