module fleet.internal/toolchain/consul

go 1.26

require (
	github.com/hashicorp/consul v1.22.5
)
