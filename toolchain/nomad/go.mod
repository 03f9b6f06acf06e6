module fleet.internal/toolchain/nomad

go 1.26

require (
	github.com/hashicorp/nomad v1.11.0
	github.com/hashicorp/nomad/api v0.0.0-20260907080526-08ef8f3d26da
)
