"""What every provider of this repository has in common: property bags, structured diffs, the gRPC service."""
