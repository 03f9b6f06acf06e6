"""The front of the mirrors: files and all public names, on every mirror, without the control plane."""
