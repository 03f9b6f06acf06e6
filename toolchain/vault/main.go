// Vault without the plugins for clouds and databases, and with the three of the full one that a fleet uses.
//
// The tag `minimal` leaves them out together with plugins whose modules cannot all be had. The list of built-in plugins
// has no door, so they are put into its maps by reflection; a Vault that changes those maps stops here, by name.
package main

import (
	"fmt"
	"os"
	"reflect"
	"unsafe"

	"github.com/hashicorp/vault/builtin/credential/ldap"
	"github.com/hashicorp/vault/builtin/logical/consul"
	"github.com/hashicorp/vault/builtin/logical/nomad"
	"github.com/hashicorp/vault/command"
	"github.com/hashicorp/vault/helper/builtinplugins"
	"github.com/hashicorp/vault/sdk/logical"
)

func add(list, name string, factory logical.Factory) {
	field := reflect.ValueOf(builtinplugins.Registry).Elem().FieldByName(list)
	if field.Kind() != reflect.Map {
		fmt.Fprintf(os.Stderr, "this Vault has no list %s of built-in plugins: build another version\n", list)
		os.Exit(1)
	}
	entry := reflect.New(field.Type().Elem()).Elem()
	entry.FieldByName("Factory").Set(reflect.ValueOf(factory))
	reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().SetMapIndex(reflect.ValueOf(name), entry)
}

func main() {
	add("credentialBackends", "ldap", ldap.Factory)
	add("logicalBackends", "consul", consul.Factory)
	add("logicalBackends", "nomad", nomad.Factory)
	os.Exit(command.Run(os.Args[1:]))
}
