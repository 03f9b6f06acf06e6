module fleet.internal/toolchain/fleet-man

go 1.26.0

require (
	github.com/klauspost/compress v1.20.3
	github.com/therootcompany/xz v1.0.1
	github.com/valyala/fasthttp v1.78.0
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.50.0
	golang.org/x/text v0.44.0
)

require (
	github.com/molecule-man/go-brrr v1.3.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
)
