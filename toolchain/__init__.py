"""Brings what the project runs on: the engine, the Python environment, Debian packages. Started as `install.py`."""
