"""One control plane for the tests of this folder: a package, so that it ends with the last of them."""
