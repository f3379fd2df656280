package main

import "github.com/siderolabs/talos/pkg/machinery/config/configloader"

var checks = map[string]func([]byte) error{
	"loader": func(data []byte) error {
		_, err := configloader.NewFromBytes(data, configloader.WithAllowPatchDelete())

		return err
	},
}
