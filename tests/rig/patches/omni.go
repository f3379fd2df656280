//go:build omni

package main

import "github.com/siderolabs/omni/client/pkg/omni/resources/omni"

func init() {
	checks["omni"] = omni.ValidateConfigPatch
}
