"""Machines at their providers: droplets, EC2 and GCP instances, donated metal, and what they need there."""
