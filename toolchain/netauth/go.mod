module fleet.internal/toolchain/netauth

go 1.26

require (
	github.com/netauth/netauth v0.6.2
)
